"""The rest of tus: an upload begins (POST), says where it stands (HEAD), is given up (DELETE), and OPTIONS tells what we can."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from webapp.datasets import tus_protocol
from webapp.datasets.errors import UploadRefused
from webapp.datasets.models import Dataset, Upload
from webapp.datasets.services.uploads import UPLOAD_EXPIRY, upload_create, upload_delete
from webapp.datasets.upload_requests import end_active
from webapp.datasets.upload_writer import file_length
from webapp.teams.access import team_object
from webapp.teams.models import Role


def tus_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Speak tus: check version and origin (which stand in for the CSRF token), turn refusals into answers."""

    @wraps(view)
    def inner(request: HttpRequest, row: Dataset | Upload) -> HttpResponse:
        try:
            response = _options() if request.method == "OPTIONS" else _checked(view, request, row)
        except UploadRefused as refusal:
            response = HttpResponse(str(refusal), status=refusal.status, content_type="text/plain; charset=utf-8")
        response["Tus-Resumable"] = tus_protocol.VERSION
        response["Cache-Control"] = "no-store"
        return response

    return inner


def _checked(view: Callable[..., HttpResponse], request: HttpRequest, row: Dataset | Upload) -> HttpResponse:
    tus_protocol.check_version(request.headers.get("Tus-Resumable"))
    tus_protocol.check_origin(
        origin=request.headers.get("Origin"),
        host=request.get_host(),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
    )
    return view(request, row)


def _options() -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Tus-Version": tus_protocol.VERSION,
            "Tus-Extension": tus_protocol.EXTENSIONS,
            "Tus-Checksum-Algorithm": ",".join(tus_protocol.CHECKSUM_ALGORITHMS),
            "Tus-Max-Size": str(settings.ISOCOST_MAX_UPLOAD_BYTES),
        },
    )


@csrf_exempt
@team_object(Dataset, Role.MEMBER, related=("project__team",))
@require_http_methods(["POST", "OPTIONS"])
@tus_view
def upload_begin(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    if dataset.archived_at is not None:
        raise UploadRefused(_("This dataset is archived. Bring it back first."), status=409)
    metadata = tus_protocol.read_metadata(request.headers.get("Upload-Metadata"))
    upload = upload_create(
        dataset=dataset,
        name=metadata.get("filename") or metadata.get("name") or "unnamed",
        size_bytes=tus_protocol.read_length(request.headers.get("Upload-Length")),
        sha256=tus_protocol.read_sha256(metadata),
        created_by=request.user,  # type: ignore[arg-type]
    )
    headers = {
        "Location": reverse("upload", args=[upload.code]),
        "Upload-Expires": tus_protocol.expires(upload.touched_at + UPLOAD_EXPIRY),
    }
    return HttpResponse(status=201, headers=headers)


@csrf_exempt
@team_object(Upload, Role.MEMBER, related=("dataset__project__team",))
@require_http_methods(["HEAD", "DELETE", "OPTIONS"])
@tus_view
def upload_resource(request: HttpRequest, upload: Upload) -> HttpResponse:
    end_active(upload.code)
    if request.method == "DELETE":
        upload_delete(upload=upload)
        return HttpResponse(status=204)
    if upload.error:
        raise UploadRefused(upload.error, status=410)
    arrived = upload.size_bytes if upload.finished_at else file_length(upload.path)
    if arrived is None:
        raise UploadRefused(_("The bytes of this upload are gone. Start it again."), status=410)
    headers = {
        "Upload-Offset": str(arrived),
        "Upload-Length": str(upload.size_bytes),
        "Upload-Expires": tus_protocol.expires(upload.touched_at + UPLOAD_EXPIRY),
    }
    return HttpResponse(status=200, headers=headers)
