"""/metrics: the truth about one process, in Prometheus text (section 9), with the traps of the versions simulated.

Claims: vector series appear with their first use and stay at 0; the broker gauge is recomputed every 5 s; managers stay on drained nodes;
ticdc_event_service_dispatcher_count drifts negative, because triggers are decremented and never incremented. The histograms are noise.
"""

import time
from decimal import Decimal

_OLD_NAMES = {
    "ticdc_dispatchermanager_table_dispatcher_count": "ticdc_dispatchermanager_table_event_dispatcher_count",
    "ticdc_dispatchermanager_table_trigger_dispatcher_count": "ticdc_dispatchermanager_table_trigger_event_dispatcher_count",
}
_EVENT_TYPES = ("eventDispatcher", "redoDispatcher")  # by mode
_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10)


def render(cluster, capture):
    if cluster.family.classic:
        families = list(_process(capture)) + list(_classic(capture))
    else:
        families = list(_process(capture)) + list(_dispatchers(cluster, capture)) + list(_broker(cluster, capture))
    if capture.coordinator and not cluster.family.classic:
        families += _coordinator(cluster)
    families += _noise(capture)
    if cluster.faults.find("metrics_noise", capture):
        families += _flood(cluster.faults.find("metrics_noise", capture))
    if cluster.faults.find("old_metric_names", capture):
        families = [(_OLD_NAMES.get(name, name), *rest) for name, *rest in families]
    if cluster.keyspaces:
        families = [(*rest, [_by_keyspace(cluster, sample) for sample in samples]) for *rest, samples in families]
    absent = cluster.faults.find("metrics_absent_series", capture)
    if absent:
        families = [f for f in families if not _hidden(f[0], absent.get("names"))]
    return "".join(_family(*f) for f in sorted(families)).encode()


def _by_keyspace(cluster, sample):
    """A next-generation kernel says keyspace_name where the classic one says namespace."""
    suffix, labels, value = sample
    if "namespace" not in labels:
        return sample
    changefeed = cluster.changefeeds.get(labels.get("changefeed"))
    named = {key: text for key, text in labels.items() if key != "namespace"}
    return suffix, {**named, "keyspace_name": changefeed.keyspace if changefeed else "default"}, value


def _hidden(name, names):
    return name in names if names else name.startswith("ticdc_")


def _family(name, kind, help_text, samples):
    """`samples` are (suffix, labels, value); a vector without samples is not printed at all."""
    if not samples:
        return ""
    lines = [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
    for suffix, labels, value in samples:
        shown = ",".join(f'{key}="{text}"' for key, text in labels.items())
        lines.append(f"{name}{suffix}{{{shown}}} {_number(value)}" if labels else f"{name}{suffix} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value):
    """As the Go exporter prints a float: shortest digits, an exponent from 1e6 on."""
    if abs(value) < 1e6:
        return repr(int(value) if float(value).is_integer() else value)
    mantissa, exponent = f"{Decimal(repr(value)).normalize():e}".split("e+")
    return f"{mantissa}e+{exponent:0>2}"


def _process(capture):
    yield "go_info", "gauge", "Information about the Go environment.", [("", {"version": "go1.25.0"}, 1)]
    yield "go_goroutines", "gauge", "Number of goroutines that currently exist.", [("", {}, 843)]
    yield ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
           [("", {}, round(capture.start_time, 2))])
    yield "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", [("", {}, 412340224)]
    yield ("ticdc_owner_ownership_counter", "counter", "The counter of ownership increases every 5 seconds on a owner capture",
           [("", {}, capture.ownership_minutes * 60)])


def _dispatchers(cluster, capture):
    running = [cf for cf in cluster.changefeeds.values() if cf.running() and cluster.placed]
    yield ("ticdc_changefeed_maintainer_counter", "gauge", "The counter of changefeed maintainer",
           [("", labels(cf), int(cf in capture.maintainers)) for cf in sorted(capture.maintainer_labels)])
    yield ("ticdc_dispatchermanagermanager_event_dispatcher_manager_count", "gauge", "The number of event dispatcher managers",
           [("", labels(cf.id), 1) for cf in running])
    tables, triggers = _counts(capture.dispatchers, 2), _counts(capture.triggers, 1)
    kinds = [(cf.id, mode) for cf in running for mode in cf.modes]
    yield ("ticdc_dispatchermanager_table_dispatcher_count", "gauge", "The number of table event dispatchers",
           _by_type(kinds + [k for k in tables if k not in kinds], tables))
    yield ("ticdc_dispatchermanager_table_trigger_dispatcher_count", "gauge", "The number of table trigger event dispatchers",
           _by_type([k for k in kinds if k[0] in capture.maintainer_labels] + [k for k in triggers if k not in kinds], triggers))
    yield ("ticdc_dispatcher_event_collector_registered_dispatcher_count", "gauge",
           "The number of registered dispatchers in event collector", [("", {}, capture.dispatchers_ever)])


def _counts(keys, mode_at):
    counts = {}
    for key in keys:
        counts[key[0], key[mode_at]] = counts.get((key[0], key[mode_at]), 0) + 1
    return counts


def labels(changefeed_id):
    return {"changefeed": changefeed_id, "namespace": "default"}


def _by_type(kinds, counts):
    return [("", {"changefeed": cf, "event_type": _EVENT_TYPES[mode], "namespace": "default"}, counts.get((cf, mode), 0)) for cf, mode in kinds]


def _classic(capture):
    """A series for each processor that has tables; it goes when the processor closes."""
    tables = _counts(capture.dispatchers, 2)
    yield ("ticdc_processor_num_of_tables", "gauge", "number of synchronized table of processor",
           [("", labels(cf), count) for (cf, _), count in sorted(tables.items())])


def _broker(cluster, capture):
    fault = cluster.faults.find("negative_broker_gauge", capture)
    drifting = fault.get("value", -3) if fault else len(capture.dispatchers) - capture.broker_drift
    yield ("ticdc_event_service_dispatcher_count", "gauge", "The number of dispatchers in event service",
           [("", {"cluster": "7390248162746021346"}, drifting)] if capture.dispatchers_ever else [])
    yield ("ticdc_event_service_dispatcher_status_count", "gauge", "The number of dispatchers in event service by status",
           [("", {"status": status}, capture.broker_gauge if status == "total" else 0) for status in ("paused", "running", "total")]
           if capture.broker_gauge is not None else [])


def _coordinator(cluster):
    running = [cf for cf in cluster.changefeeds.values() if cf.running()]
    working = sum(cluster.replicating(cf) for cf in running)
    absent = sum(not cf.maintainer for cf in running)
    states = {"Total": len(cluster.changefeeds), "Working": working, "Scheduling": len(running) - working - absent, "Absent": absent,
              "Stopped": len(cluster.changefeeds) - len(running)}
    yield ("ticdc_coordinator_changefeed_state", "gauge", "The state of changefeeds in coordinator",
           [("", {"state": state}, count) for state, count in states.items()])
    yield ("ticdc_owner_status", "gauge", "The status of changefeeds",
           [("", labels(cf.id), 0 if cf.running() else 3) for cf in cluster.changefeeds.values()])
    yield ("ticdc_owner_checkpoint_ts_lag", "gauge", "checkpoint ts lag of changefeeds in seconds",
           [("", labels(cf.id), 0.4) for cf in running])


def _flood(fault):
    """Series upon series, as a process with many tables has them."""
    samples = [("", {"table": f"database_{i}.table_{i}", "namespace": "default"}, i) for i in range(fault.get("series", 50000))]
    return [("ticdc_sink_flood_of_a_metric_that_nobody_reads", "gauge", "One for each table.", samples)]


def _noise(capture):
    seen = int(time.time() - capture.start_time) + 1
    for name, labels in (("ticdc_sink_execution_duration_seconds", {"namespace": "default", "type": "sink"}),
                         ("ticdc_event_service_scan_duration_seconds", {}), ("grpc_server_handling_seconds", {"grpc_type": "bidi_stream"})):
        samples = [("_bucket", {**labels, "le": str(le)}, seen) for le in (*_BUCKETS, "+Inf")]
        yield name, "histogram", "Bucketed histogram of durations.", samples + [("_sum", labels, seen * 0.0007), ("_count", labels, seen)]
