"""The JSON shapes of status, captures, changefeeds and tables (sections 1 to 4): belief only, as TiCDC itself would tell it."""

import time

_TSO_SHIFT = 18
_LAG_MS = 400
_LISTED_BY_DEFAULT = ("normal", "stopped", "failed", "warning", "pending")


def status(cluster, capture):
    return {"version": cluster.family.version, "git_hash": "5fe1d0c3a7e94b0d2a1c6b8f7e3d9c4b5a6f7081", "id": capture.id,
            "cluster_id": cluster.cluster_id, "pid": capture.pid,
            "is_owner": bool(capture.coordinator) or cluster.now() < capture.owner_until_ms, "liveness": capture.liveness}


def captures(cluster, answering):
    """In no particular order. Faults: nobody is listed, or a dead twin with the same address is listed too."""
    if cluster.faults.take("captures_empty", answering):
        return []
    items = []
    for capture in cluster.members():
        items.append(_capture(cluster, capture.id, capture.address, capture is answering))
        if cluster.faults.find("duplicate_address", capture):
            twin = f"{capture.id[:-4]}{int(capture.id[-4:], 16) ^ 0xbeef:04x}"
            items.append(_capture(cluster, twin, capture.address, False))
    cluster.rng.shuffle(items)
    return items


def _capture(cluster, capture_id, address, is_owner):
    return {"id": capture_id, "is_owner": is_owner, "address": address, "cluster_id": cluster.cluster_id}


def changefeeds(cluster, state, keyspace=None):
    shown = [cf for cf in cluster.changefeeds.values() if wanted(cf.state, state) and not is_hidden(cluster, cf.id)
             and keyspace in (None, cf.keyspace)]
    cluster.rng.shuffle(shown)
    return [_list_item(cf) for cf in shown]


def is_hidden(cluster, changefeed_id):
    """Fault: it belongs to a keyspace that nobody asks about (row 23)."""
    fault = cluster.faults.find("hidden_changefeeds")
    return bool(fault) and changefeed_id in fault.get("changefeeds", ())


def wanted(actual, state):
    return actual in _LISTED_BY_DEFAULT if not state else state in ("all", actual)


def _list_item(changefeed):
    tso, shown = _checkpoint()
    return {"upstream_id": 7390248162746021346, "id": changefeed.id, "keyspace": changefeed.keyspace, "state": changefeed.state,
            "checkpoint_tso": tso, "checkpoint_time": shown, "error": None}


def changefeed(cluster, changefeed):
    detail = {**_detail(cluster, changefeed), "gid": {"low": changefeed.gid[0], "high": changefeed.gid[1]}}
    address = maintainer_addr(cluster, changefeed)
    return {**detail, "maintainer_addr": address} if address else detail


def _detail(cluster, changefeed):
    tso, shown = _checkpoint()
    return {
        "upstream_id": 7390248162746021346, "id": changefeed.id, "keyspace": changefeed.keyspace,
        "sink_uri": "mysql://root:xxxxx@127.0.0.1:3306/", "create_time": _rfc3339(changefeed.created),
        "start_ts": int(changefeed.created * 1000) << _TSO_SHIFT, "config": _config(changefeed), "state": changefeed.state,
        "creator_version": cluster.family.version, "resolved_ts": tso, "checkpoint_ts": tso, "checkpoint_time": shown,
    }


def maintainer_addr(cluster, changefeed):
    """Where the coordinator believes the maintainer to be. Fault: an address that is no longer true."""
    stale = cluster.faults.find("stale_maintainer_addr")
    if stale and stale.get("changefeed", changefeed.id) == changefeed.id:
        cluster.faults.take("stale_maintainer_addr")
        return stale.get("address", changefeed.previous_maintainer_addr)
    node = cluster.registered(changefeed.maintainer)
    return node.address if node else ""


def _config(changefeed):
    return {"memory_quota": 1073741824, "case_sensitive": False, "force_replicate": False, "check_gc_safe_point": True,
            "bdr_mode": False, "filter": {"rules": ["*.*"]}, "mounter": {"worker_num": 16}, "sink": {"protocol": ""},
            "consistent": {"level": "eventual" if changefeed.redo else "none", "max_log_size": 64, "flush_interval": 2000},
            "scheduler": {"enable_table_across_nodes": False, "region_threshold": 100000, "write_key_threshold": 0}}


def tables(cluster, changefeed, mode):
    """One item per node that has something. The trigger span is table 0, where the maintainer is. Fault: spans that run are placed
    nowhere."""
    nodes = {changefeed.maintainer: [0]}
    if changefeed.bootstrapped:
        for span in changefeed.spans.values():
            if span.mode == mode:
                nowhere = cluster.faults.find("spans_nowhere", cluster.registered(span.node))
                nodes.setdefault("" if nowhere else span.node, []).append(span.table_id)
    items = [{"node_id": node, "table_ids": table_ids} for node, table_ids in nodes.items()]
    cluster.rng.shuffle(items)
    return items


def dispatcher_count(changefeed, mode):
    return 1 + sum(span.mode == mode for span in changefeed.spans.values()) if changefeed.bootstrapped else 1


def server_config(cluster, capture):
    return {"addr": capture.address, "advertise-addr": capture.address, "log-file": "", "log-level": "info", "data-dir": "/tmp/cdc_data",
            "gc-ttl": 86400, "tz": "System", "newarch": True, "capture-session-ttl": max(cluster.durations.ttl_ms // 1000, 1),
            "owner-flush-interval": 50000000,
            "security": {"ca-path": "", "cert-path": "", "key-path": "", "cert-allowed-cn": None, "mtls": False,
                         "client-user-required": bool(cluster.faults.find("auth_401")), "client-allowed-user": None},
            "debug": {"scheduler": {"max-task-concurrency": 10, "check-balance-interval": 15000000000},
                      "event-store": {"enable-data-sharing": False}},
            "cluster-id": cluster.cluster_id}


def _checkpoint():
    millis = int(time.time() * 1000) - _LAG_MS
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(millis / 1000)) + f".{millis % 1000:03d}"
    return millis << _TSO_SHIFT, shown


def _rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# ---- family C


def tables_of(changefeed, capture):
    """What a capture reports: replicas that are being prepared or closed too."""
    return sorted(table_id for name, table_id, _ in capture.dispatchers if name == changefeed.id)


def classic_item(changefeed):
    item = {**_list_item(changefeed), "namespace": "default", "state": {"pending": "warning"}.get(changefeed.state, changefeed.state)}
    del item["keyspace"]
    return item


def classic_changefeed(cluster, changefeed, initialized):
    detail = _detail(cluster, changefeed)
    detail["namespace"] = detail.pop("keyspace")
    if changefeed.state == "normal" and initialized:
        detail["task_status"] = [_task(changefeed, capture) for capture in cluster.members()]
    return detail


def _task(changefeed, capture):
    tables = tables_of(changefeed, capture)
    return {"capture_id": capture.id, "table_ids": tables} if tables else {"capture_id": capture.id}
