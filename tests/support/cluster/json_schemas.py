"""JSON Schemas of Kubernetes' kinds and of custom resources, one file a kind, as kubeconform wants them.

swagger.json (the API's own) ──┐
                               ├──> every reference in its place, unknown fields refused ──> kind-group-version.json
CRDs (openAPIV3Schema) ────────┘
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

# What kubeconform's -schema-location is to be, behind the folder.
NAMES = "{{ .ResourceKind }}-{{ .Group }}-{{ .ResourceAPIVersion }}.json"

Schema = dict[str, Any]
# A schema that refers to itself (a CRD's own description does) is cut off here.
_DEPTH = 24


def write_schemas(apis: Path, folder: Path) -> None:
    """All schemas of the folder that `build apis` makes."""
    definitions = json.loads((apis / "swagger.json").read_text())["definitions"]
    for definition in definitions.values():
        for named in definition.get("x-kubernetes-group-version-kind", []):
            kind, group, version = named["kind"], named["group"], named["version"]
            if kind in _KINDS:
                schema = _whole(definition, definitions)
                # kubeconform calls the core group by its version.
                (folder / f"{kind.lower()}-{group or version}-{version}.json").write_text(json.dumps(schema))
    for file in (apis / "crds").glob("*.yaml"):
        resource = yaml.safe_load(file.read_text())["spec"]
        kind, group = resource["names"]["kind"], resource["group"]
        for version in resource["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            (folder / f"{kind.lower()}-{group}-{version['name']}.json").write_text(json.dumps(schema))


# Those of the API that the chart makes; there are hundreds.
_KINDS = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
        "StatefulSet",
    }
)


def _whole(schema: Any, definitions: Schema, depth: int = 0) -> Any:
    """With every `$ref` replaced by what it stands for."""
    if isinstance(schema, list):
        return [_whole(item, definitions, depth) for item in schema]
    if not isinstance(schema, dict) or depth > _DEPTH:
        return schema if not isinstance(schema, dict) else {}
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name.endswith(("IntOrString", "Quantity")):
            return {"type": ["string", "integer", "number"]}
        return _whole(definitions[name], definitions, depth + 1)
    result = {key: _whole(value, definitions, depth + 1) for key, value in schema.items() if not key.startswith("x-")}
    if "properties" in result:
        result["additionalProperties"] = False
    return result


def _strict(schema: Any) -> Any:
    """Returns a CRD's schema, with unknown fields refused as the API server prunes them."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _strict(value) for key, value in schema.items() if not key.startswith("x-")}
    if schema.get("x-kubernetes-int-or-string"):
        result["type"] = ["string", "integer"]
    if isinstance(result.get("properties"), dict) and result.get("type") == "object":
        result.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return result
