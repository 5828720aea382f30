"""ticdc-sim: a simulated TiCDC cluster, written from ticdc-contract.md alone. It shares no code and no reading with the product.

`python3 -m ticdc_sim cluster` is the central process: the belief and the truth of every capture, all timing, and a control API.
`python3 -m ticdc_sim capture` is the cdc container of one pod: a socket that lives and dies with its process and relays every
connection to the central one.

Reading order: families (what differs), capture (truth), work (belief), operators (how work moves), election, native_drain, schedulers,
cluster (puts them together), then routes, endpoints and views (HTTP), metrics, faults, judge, control.

Not simulated anywhere: family C, TLS, HTTP/2, gRPC, nextgen keyspaces, split spans, changefeeds in warning, data itself.
"""
