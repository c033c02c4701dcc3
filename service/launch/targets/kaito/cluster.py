"""One namespace of a cluster by the Kubernetes client, which is imported at the first call."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.kaito.talking import talking
from service.launch.targets.kaito.watching import Watched

# (connect, read) seconds of one call
TIMEOUT = (10, 60)


class Cluster:
    """One context of a kubeconfig and one namespace; its connections and its watch are shared by all jobs."""

    def __init__(self, context: str, namespace: str) -> None:
        self.namespace = namespace
        self._context = context
        self._made: Any = None
        self._making = threading.Lock()
        self.watched = Watched(self.objects, namespace)

    def api(self) -> Any:
        """The client, as the kubeconfig says; within a pod without one, as its service account says."""
        with self._making:
            if self._made is None:
                with talking("reading the kubeconfig"):
                    self._made = self._client()
            return self._made

    def objects(self) -> Any:
        from kubernetes.client import CustomObjectsApi

        return CustomObjectsApi(self.api())

    def core(self) -> Any:
        from kubernetes.client import CoreV1Api

        return CoreV1Api(self.api())

    def batch(self) -> Any:
        from kubernetes.client import BatchV1Api

        return BatchV1Api(self.api())

    def _client(self) -> Any:
        from kubernetes import client, config

        # read now: the library reads it once, when it is imported
        place = os.environ.get("KUBECONFIG") or None
        inside = "KUBERNETES_SERVICE_HOST" in os.environ
        if inside and place is None and not Path("~/.kube/config").expanduser().exists():
            made = client.Configuration()
            config.load_incluster_config(client_configuration=made)
            return client.ApiClient(made)
        return config.new_client_from_config(config_file=place, context=self._context or None)


@lru_cache(maxsize=16)
def cluster(kubeconfig: str, context: str, namespace: str) -> Cluster:
    """One client for all jobs of a namespace; `kubeconfig` tells the files of KUBECONFIG apart."""
    del kubeconfig
    return Cluster(context, namespace)


def cluster_of(where: KaitoSettings) -> Cluster:
    """The shared client of a configured namespace."""
    return cluster(os.environ.get("KUBECONFIG", ""), where.context, where.namespace)
