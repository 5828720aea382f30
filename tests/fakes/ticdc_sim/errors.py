"""TiCDC's error body: two strings, indented; the HTTP code follows from the error code (section 2.4)."""

import json

_BAD_REQUEST = (
    "CDC:ErrAPIInvalidParam", "CDC:ErrSinkURIInvalid", "CDC:ErrStartTsBeforeGC", "CDC:ErrChangeFeedNotExists",
    "CDC:ErrTargetTsBeforeStartTs", "CDC:ErrTableIneligible", "CDC:ErrFilterRuleInvalid", "CDC:ErrChangefeedUpdateRefused",
    "CDC:ErrMySQLConnectionError", "CDC:ErrMySQLInvalidConfig", "CDC:ErrCaptureNotExist", "CDC:ErrSchedulerRequestFailed",
)


class ApiError(Exception):
    """An answer of the two-string shape. `code` is "" for errors that upstream does not code."""

    def __init__(self, code, message, status=None):
        super().__init__(message)
        self.code = code
        self.message = f"[{code}]{message}" if code else message
        self.status = status or (400 if any(bad in self.message for bad in _BAD_REQUEST) else 500)

    def body(self):
        return json.dumps({"error_msg": self.message, "error_code": self.code}, indent=4).encode()


class BindError(ApiError):
    """A body that failed to bind: the same JSON under text/plain, because the status line was already sent."""


def capture_not_exist(capture_id):
    return ApiError("CDC:ErrCaptureNotExist", f"capture not exists, {capture_id}")


def changefeed_not_exists(changefeed_id):
    return ApiError("CDC:ErrChangeFeedNotExists", f"changefeed not exists, {changefeed_id}")


def no_maintainer(changefeed_id):
    return ApiError("", f"Can't not find maintainer for changefeed: {changefeed_id}")


def maintainer_not_found(changefeed_id):
    return ApiError("CDC:ErrMaintainerNotFounded", f"changefeed maintainer not found, changefeedID: default/{changefeed_id}")


def node_not_found(capture_id):
    return ApiError("CDC:ErrNodeIsNotFound", f"node is not found%!(EXTRA string=targetNodeID, node.ID={capture_id})")


def table_not_found(table_id):
    return ApiError("CDC:ErrTableIsNotFounded", f"table is not found%!(EXTRA string=tableID, int64={table_id})")


def operator_is_nil(detail):
    return ApiError("CDC:ErrOperatorIsNil", f"operator is nil, {detail}")


def not_initialized():
    return ApiError("", "coordinator is not fully initialized, wait a moment")


def cluster_unavailable():
    return ApiError("", "TiCDC cluster is unavailable, please try again later")


def dial_error(method, address, path):
    return ApiError("", f'{method.title()} "http://{address}{path}": dial tcp {address}: connect: connection refused')
