"""S3 Control batch jobs, which moto does not have."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

from auditor.standin.patch import memory

_KEPT = ("ConfirmationRequired", "Operation", "Report", "ManifestGenerator", "Manifest", "Description", "Priority")
_PATHS = ("jobs", r"jobs/(?P<id>[\w-]+)", r"jobs/(?P<id>[\w-]+)/status", r"jobs/(?P<id>[\w-]+)/priority")
_NEXT = {"Suspended": ("Ready", "Cancelled"), "New": ("Cancelled",), "Ready": ("Cancelled",)}


def install() -> None:
    """Add the job operations to moto's S3 Control."""
    from moto.s3control import urls
    from moto.s3control.responses import S3ControlResponse

    for path in _PATHS:
        urls.url_paths[rf"{{0}}/v20180820/{path}$"] = S3ControlResponse.dispatch
        urls.url_paths["/v20180820/" + re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", path)] = S3ControlResponse.dispatch
    for operation in (create_job, describe_job, list_jobs, update_job_status, update_job_priority):
        setattr(S3ControlResponse, operation.__name__, operation)


def create_job(self: Any) -> Any:
    """Answer CreateJob; a job that asks for confirmation waits suspended. The client's token makes it once only."""
    from moto.core.responses import ActionResult

    jobs, token = memory(self.backend), self._get_param("ClientRequestToken")
    same = next((job for job in jobs.values() if token and job["token"] == token), None)
    if same is None:
        asks = str(self._get_param("ConfirmationRequired")).lower() == "true"
        same = {
            "JobId": str(uuid.uuid4()),
            "Status": "Suspended" if asks else "New",
            "CreationTime": dt.datetime.now(dt.timezone.utc),
            "ProgressSummary": dict.fromkeys(
                ("TotalNumberOfTasks", "NumberOfTasksSucceeded", "NumberOfTasksFailed"), 0
            ),
            "RoleArn": self._get_param("RoleArn"),
            "token": token,
        }
        same |= {name: value for name in _KEPT if (value := self._get_param(name)) is not None}
        same["ConfirmationRequired"] = asks
        jobs[same["JobId"]] = same
    return ActionResult({"JobId": same["JobId"]})


def describe_job(self: Any) -> Any:
    """Answer DescribeJob."""
    from moto.core.responses import ActionResult

    job = _job(self)
    arn = f"arn:aws:s3:{self.region}:{self.current_account}:job/{job['JobId']}"
    return ActionResult({"Job": {name: value for name, value in job.items() if name != "token"} | {"JobArn": arn}})


def list_jobs(self: Any) -> Any:
    """Answer ListJobs, of the wanted statuses."""
    from moto.core.responses import ActionResult

    wanted = self._get_param("JobStatuses") or []
    listed = [
        {
            "JobId": job["JobId"],
            "Status": job["Status"],
            "Operation": next(iter(job.get("Operation") or {"S3ReplicateObject": {}})),
            "CreationTime": job["CreationTime"],
            "Priority": job.get("Priority", 0),
            "ProgressSummary": job["ProgressSummary"],
        }
        for job in memory(self.backend).values()
        if not wanted or job["Status"] in wanted
    ]
    return ActionResult({"Jobs": listed})


def update_job_status(self: Any) -> Any:
    """Answer UpdateJobStatus; refuse a step that the job's status does not allow."""
    from moto.core.responses import ActionResult

    job, wanted = _job(self), self._get_param("RequestedJobStatus")
    if wanted not in _NEXT.get(job["Status"], ()):
        raise _error("JobStatusException", f"A job with status {job['Status']} cannot become {wanted}")
    job["Status"] = wanted
    return ActionResult({"JobId": job["JobId"], "Status": wanted})


def update_job_priority(self: Any) -> Any:
    """Answer UpdateJobPriority."""
    from moto.core.responses import ActionResult

    job = _job(self)
    job["Priority"] = int(self._get_param("Priority"))
    return ActionResult({"JobId": job["JobId"], "Priority": job["Priority"]})


def _job(self: Any) -> dict[str, Any]:
    job = memory(self.backend).get(self._get_param("JobId"))
    if job is None:
        raise _error("NotFoundException", "The specified job does not exist")
    return job  # type: ignore[no-any-return]


def _error(code: str, message: str) -> Exception:
    from moto.s3control.exceptions import S3ControlError

    return S3ControlError(code, message)


REPAIRS = (install,)
