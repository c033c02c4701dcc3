"""Looks at everything that a launch needs; what cannot be looked at is said to be unknown, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from service.errors import TuneGateError
from service.launch.targets.kaito.outputs import registry_answer
from service.launch.targets.kaito.plan import GROUP, PLURAL, VERSION
from service.launch.targets.kaito.settings import DIGEST, KaitoSettings
from service.launch.targets.kaito.talking import talking
from service.launch.targets.target import Check

if TYPE_CHECKING:
    from service.launch.targets.kaito.cluster import Cluster

_TIMEOUT = (10, 30)
_RIGHTS = (
    (GROUP, PLURAL, ("create", "get", "list", "watch", "delete")),
    ("", "configmaps", ("create", "get", "patch", "delete")),
    ("batch", "jobs", ("get",)),
    ("", "pods", ("list",)),
)
# a Secret's name and kind without what it holds
_NAMES_ALONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def checks(where: KaitoSettings, cluster: Cluster) -> list[Check]:
    """Kubeconfig, API, CRD, namespace, rights, push secret, registry, the image of the rows where one is named."""
    found = [_asked("kubeconfig", lambda: _kubeconfig(cluster), {})]
    if found[0].verdict == "ok":
        found.append(_asked("api", lambda: _version(cluster), {
            "target_unreachable": "Check network, proxy and a private API server (az aks command, VPN).",
        }))  # fmt: skip
    if found[-1].verdict != "ok":
        skipped = ("api", "crd", "namespace", "rights", "push_secret")[len(found) - 1 :]
        found += [Check(name=one, verdict="unknown", seen="not asked without the one before") for one in skipped]
    else:
        found += _rest(where, cluster)
    return [*found, *_registry(where), *_rows(where)]


def _rest(where: KaitoSettings, cluster: Cluster) -> Iterator[Check]:
    gone = f"Install KAITO 0.12 or later, which serves {GROUP}/{VERSION}: helm install kaito-workspace ..."
    yield _asked("crd", lambda: _served(cluster), {"remote_gone": gone})
    made = f"kubectl create namespace {where.namespace}, or set namespace."
    yield _asked("namespace", lambda: _namespace(where, cluster), {"remote_gone": made}, unseen=True)
    yield _rights(where, cluster)
    if where.output_push_secret:
        secret = f"kubectl create secret docker-registry {where.output_push_secret} -n {where.namespace} ..."
        yield _asked("push_secret", lambda: _secret(where, cluster), {"remote_gone": secret}, unseen=True)


def _kubeconfig(cluster: Cluster) -> str:
    return str(cluster.api().configuration.host)


def _version(cluster: Cluster) -> str:
    from kubernetes.client import VersionApi

    return f"Kubernetes {VersionApi(cluster.api()).get_code(_request_timeout=_TIMEOUT).git_version}"


def _served(cluster: Cluster) -> str:
    from kubernetes.client import CustomObjectsApi

    found = CustomObjectsApi(cluster.api()).get_api_resources(GROUP, VERSION, _request_timeout=_TIMEOUT)
    if PLURAL not in {one.name for one in found.resources}:
        raise TuneGateError("remote_gone", f"{GROUP}/{VERSION} is served without {PLURAL}.")
    return f"{GROUP}/{VERSION} serves {PLURAL}"


def _namespace(where: KaitoSettings, cluster: Cluster) -> str:
    cluster.core().read_namespace(where.namespace, _request_timeout=_TIMEOUT)
    return where.namespace


def _secret(where: KaitoSettings, cluster: Cluster) -> str:
    api = cluster.api()
    address = f"{api.configuration.host}/api/v1/namespaces/{where.namespace}/secrets/{where.output_push_secret}"
    headers = {"Accept": _NAMES_ALONE}
    api.update_params_for_auth(headers, [], ["BearerToken"], address, "GET", None)
    answer = api.call_api("GET", address, headers, _request_timeout=_TIMEOUT)
    answer.read()
    if answer.status >= 400:
        from kubernetes.client.exceptions import ApiException

        raise ApiException(status=answer.status, reason=answer.reason)
    return where.output_push_secret


def _rights(where: KaitoSettings, cluster: Cluster) -> Check:
    missing = []
    try:
        with talking("asking for the rights"):
            for group, resource, verbs in _RIGHTS:
                missing += [f"{verb} {resource}" for verb in verbs if not _may(where, cluster, group, resource, verb)]
    except TuneGateError as error:
        return Check(name="rights", verdict="unknown", seen=error.detail, remedy=error.remedy)
    if missing:
        remedy = f"Bind a Role in namespace {where.namespace} that allows it."
        return Check(name="rights", verdict="failed", seen=f"may not {', '.join(missing)}", remedy=remedy)
    return Check(name="rights", verdict="ok", seen="may make, watch and delete Workspaces and ConfigMaps")


def _may(where: KaitoSettings, cluster: Cluster, group: str, resource: str, verb: str) -> bool:
    from kubernetes import client

    asked = client.V1ResourceAttributes(namespace=where.namespace, group=group, resource=resource, verb=verb)
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=asked))
    api = client.AuthorizationV1Api(cluster.api())
    answer = api.create_self_subject_access_review(review, _request_timeout=_TIMEOUT)
    return bool(answer.status.allowed)


def _registry(where: KaitoSettings) -> Iterator[Check]:
    if not where.output_image:
        remedy = "Set output_image and output_push_secret: a claim's files can be read in the cluster alone."
        yield Check(name="registry", verdict="failed", seen="the adapter goes to a claim", remedy=remedy)
        return
    yield _asked("registry", lambda: _readable(where), {})


def _readable(where: KaitoSettings) -> str:
    host, status = registry_answer(f"{where.output_image}:tunegate-check")
    if status in {401, 403}:
        remedy = f"docker login {host} (or az acr login), as the user that runs tunegate."
        raise TuneGateError("target_refused", f"{host} does not let us read.", remedy=remedy)
    return f"{host} answers ({status} for an image that need not exist yet)"


def _rows(where: KaitoSettings) -> Iterator[Check]:
    """The image that holds the rows; one for each dataset has no name before there is a plan."""
    if not where.input_image or DIGEST in where.input_image:
        return
    try:
        with talking("asking for input_image"):
            host, status = registry_answer(where.input_image)
    except TuneGateError as error:
        yield Check(name="input_image", verdict="unknown", seen=error.detail, remedy=error.remedy)
        return
    if status == 404:
        remedy = "Push the image with the rows, or set input_image to one that is there."
        yield Check(name="input_image", verdict="failed", seen=f"{host} has no such image", remedy=remedy)
    elif status != 200:
        remedy = f"docker login {host} to look from here; the cluster pulls it with input_pull_secret."
        yield Check(name="input_image", verdict="unknown", seen=f"{host} answers {status}", remedy=remedy)
    else:
        yield Check(name="input_image", verdict="ok", seen=f"{host} has it; the cluster pulls it by its own login")


def _asked(name: str, ask: Callable[[], str], remedies: dict[str, str], *, unseen: bool = False) -> Check:
    """`unseen`: where we may not look, it may still be there."""
    try:
        with talking(f"asking for the {name}"):
            return Check(name=name, verdict="ok", seen=ask())
    except TuneGateError as error:
        hidden = unseen and "status 403" in error.detail
        remedy = remedies.get(error.code, error.remedy)
        return Check(name=name, verdict="unknown" if hidden else "failed", seen=error.detail, remedy=remedy)
