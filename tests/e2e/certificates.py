"""Certificates for scenarios that speak TLS, made with the openssl command: an authority, and what it signs."""

import os
import subprocess


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_authority(folder, name="ca"):
    key, certificate = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.crt")
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", key, "-out", certificate)
    return certificate


def sign(folder, name, addresses=(), authority="ca"):
    """NAME.crt and NAME.key, valid for these IP addresses; files of that name are replaced. Returns both paths."""
    key, certificate, request = (os.path.join(folder, f"{name}.{kind}") for kind in ("key", "crt", "csr"))
    extensions = os.path.join(folder, f"{name}.ext")
    with open(extensions, "w", encoding="utf-8") as out:
        out.write("subjectAltName=" + ",".join([f"IP:{address}" for address in addresses] or [f"DNS:{name}"]))
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key + ".new",
             "-out", request)
    _openssl("x509", "-req", "-in", request, "-CA", os.path.join(folder, f"{authority}.crt"), "-CAkey",
             os.path.join(folder, f"{authority}.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate + ".new")
    os.replace(key + ".new", key)
    os.replace(certificate + ".new", certificate)
    return certificate, key
