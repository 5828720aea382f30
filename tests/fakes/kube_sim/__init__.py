"""kube-sim: an embedded stand-in for the Kubernetes API server, the kubelet and the garbage collector.

It exists so that the sidecar can be shown and tested end to end on a machine without Kubernetes. It shares no code with the
product. What each module claims is in its own docstring, together with what it leaves out; a claim is meant to hold against a
real API server too.

    resources  which resources exist, and how a URL names them
    errors     Status objects
    selectors  label and field selectors
    admission  defaults and the few validations that a client can trip over
    store      objects, resourceVersion, history, deletion
    watch      watch streams
    api        HTTP requests to store calls
    server     sockets, HTTP, TLS, the order of outage, authentication, fault and answer
    faults     injected faults, outages, request counts
    reviews    TokenReview and SubjectAccessReview from canned answers
    garbage    deletes objects whose owner pod is gone
    processes  child processes that cannot outlive kube-sim
    container  one container: start, restart, preStop hook, stop
    pod        one pod: start order, stop order, status
    kubelet    one worker per pod object; re-creates pods that ask for it
    timeline   what happened to which container, and when
    control    the /sim/ API
"""
