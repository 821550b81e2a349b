"""The front door: command line and configuration. The only file that imports Hydra and OmegaConf.

A plug-in is a plain dataclass; its class is registered as the schema of its own settings, and `OmegaConf.to_object`
turns the composed configuration into real objects. Two settings of a run reach every plug-in: a field called
`device` follows the run's, and a field with metadata {"quick": value} takes that value when `quick=true`; both only
as defaults, so that the command line has the last word.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline import engines, exporters, flows, materials, metrics, models, renderers, scenarios, shelf, simulators
from pipeline.stages import STAGES, Run

CONF = str(Path(__file__).resolve().parents[1] / "conf")
"""Hydra takes a relative path for a package under `python -m`."""
ONE_OF: dict[str, tuple[ModuleType, type[Any]]] = {
    "scenario": (scenarios, scenarios.Scenario),
    "material": (materials, materials.Material),
    "simulator": (simulators, simulators.Simulator),
    "renderer": (renderers, renderers.Renderer),
    "model": (models, models.Model),
    "flow": (flows, flows.Flow),
    "engine": (engines, engines.Engine),
}
"""Group on the command line -> shelf and contract: `group=name` chooses one."""
MANY_OF: dict[str, tuple[ModuleType, type[Any]]] = {
    "baselines": (models, models.Model),
    "metrics": (metrics, metrics.Metric),
    "exporters": (exporters, exporters.Exporter),
}
"""The same where `group=[name,name]` chooses several."""

HELP = f"""python -m pipeline [key=value ...]

stage= one of {", ".join(STAGES)}

What stands on the shelves (group=name; group=[name,name] for baselines, metrics, exporters):
$APP_CONFIG_GROUPS
Settings, with their defaults (any of them can be overridden; -m key=a,b sweeps):
$CONFIG
"""


def _if_quick(coarse: Any, normal: Any, *, _root_: DictConfig) -> Any:
    return coarse if _root_.quick else normal


def _schema(plugin: type) -> DictConfig:
    """The class as a Hydra schema, with its quick and device defaults."""
    node: DictConfig = OmegaConf.structured(plugin)
    for setting in dataclasses.fields(plugin):
        if "quick" in setting.metadata:
            OmegaConf.update(node, setting.name, f"${{if_quick:{setting.metadata['quick']},{setting.default}}}")
        elif setting.name == "device":
            OmegaConf.update(node, "device", "${device}")
        elif dataclasses.is_dataclass(setting.default_factory):
            OmegaConf.update(node, setting.name, _schema(setting.default_factory))  # type: ignore[arg-type]
    return node


def _register() -> None:
    """Put every class of every shelf into Hydra's store."""
    OmegaConf.register_new_resolver("if_quick", _if_quick, replace=True)
    store = ConfigStore.instance()
    base = _schema(Run)
    base.device = "cpu"
    store.store(name="base", node=base)
    for group, (room, contract) in ONE_OF.items():
        for name, plugin in shelf.everything(room, contract).items():
            store.store(group=group, name=name, node=_schema(plugin))
    for group, (room, contract) in MANY_OF.items():
        for name, plugin in shelf.everything(room, contract).items():
            store.store(group=group, name=name, node=_schema(plugin), package=f"{group}.{name}")
    store.store(name="every_metric", node={"defaults": [{"metrics": shelf.names(metrics)}]})
    store.store(name="every_exporter", node={"defaults": [{"exporters": shelf.names(exporters)}]})
    store.store(
        group="hydra/help",
        name="quicksand",
        node={"app_name": "quicksand", "header": "", "footer": "", "template": HELP},
    )


def compose(overrides: list[str]) -> Run:
    """The run that the command line with these overrides asks for."""
    _register()
    with hydra.initialize_config_dir(version_base="1.3", config_dir=CONF):
        config = hydra.compose("config", overrides=overrides)
    return OmegaConf.to_object(config)  # type: ignore[return-value]


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def _application(config: DictConfig) -> None:
    from pipeline.stages._walk import walk

    try:
        running = HydraConfig.get()
        if running.mode == RunMode.MULTIRUN and running.job.override_dirname:
            config.run = f"{config.run}-" + re.sub(r"[^\w.,=+-]", "_", running.job.override_dirname)
        run: Run = OmegaConf.to_object(config)  # type: ignore[assignment]
        status = walk(run, OmegaConf.to_yaml(config, resolve=True))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    if status:
        sys.exit(status)


def main() -> None:
    """Run the command line. Exit status: 0 all done, 1 some units failed (named), 2 the request was wrong."""
    _register()
    _application()
