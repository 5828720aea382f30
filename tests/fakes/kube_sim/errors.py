"""API errors as Kubernetes Status objects.

Claims: code, reason and message have the wording of a real API server for the cases below. Leaves out details.causes.
"""

REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed", 409: "Conflict",
    410: "Expired", 413: "RequestEntityTooLarge", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, code, message, reason=None, details=None, retry_after=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "")
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def status(self):
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _about(resource, name):
    details = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    return details


def not_found(resource, name):
    return ApiError(404, f'{resource.qualified} "{name}" not found', details=_about(resource, name))


def already_exists(resource, name):
    return ApiError(409, f'{resource.qualified} "{name}" already exists', "AlreadyExists", _about(resource, name))


def conflict(resource, name, why):
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return ApiError(409, message, details=_about(resource, name))


def modified(resource, name):
    return conflict(resource, name, "the object has been modified; please apply your changes to the latest version and try again")


def invalid(resource, name, why):
    """why: 'field: kind of problem: explanation', as in a real answer."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(422, f'{kind} "{name}" is invalid: {why}', details={**_about(resource, name), "kind": resource.kind})


def expired(message):
    return ApiError(410, message)
