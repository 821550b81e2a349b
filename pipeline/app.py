"""The front door: command line and configuration. The only file that imports Hydra and OmegaConf.

A plug-in is a plain dataclass; its class is registered as the schema of its own settings, and `OmegaConf.to_object`
turns the composed configuration into real objects. Some settings of a run reach every plug-in: fields called `device`
and `asset` follow the run's, and a field with metadata {"quick": value} takes that value when `quick=true`; all only
as defaults, so that the command line has the last word.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline import (
    engines,
    exporters,
    flows,
    laws,
    materials,
    metrics,
    models,
    renderers,
    scenarios,
    shelf,
    simulators,
    violations,
)
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
    "scenarios": (scenarios, scenarios.Scenario),
    "baselines": (models, models.Model),
    "metrics": (metrics, metrics.Metric),
    "exporters": (exporters, exporters.Exporter),
    "flows": (flows, flows.Flow),
    "laws": (laws, laws.Law),
    "violations": (violations, violations.Violation),
}
"""The same where `group=[name,name]` chooses several."""

FOLLOW = ("device", "asset")
"""Fields of plug-ins that take the run's value where they have none of their own."""

HELP = """python -m pipeline [key=value ...]

stage= one of {stages}

What stands on the shelves (group=name; group=[name,name] for {several}):
{shelves}

Settings, with their defaults (any of them can be overridden; -m key=a,b sweeps):
{settings}"""


def _if_quick(coarse: Any, normal: Any, *, _root_: DictConfig) -> Any:
    return coarse if _root_.quick else normal


def _schema(plugin: type) -> DictConfig:
    """The class as a Hydra schema, with its quick and device defaults."""
    node: DictConfig = OmegaConf.structured(plugin)
    for setting in dataclasses.fields(plugin):
        if "quick" in setting.metadata:
            normal = OmegaConf.to_container(node)[setting.name]  # type: ignore[index, call-overload]
            OmegaConf.update(node, setting.name, f"${{if_quick:{setting.metadata['quick']},{normal}}}")
        elif setting.name in FOLLOW:
            OmegaConf.update(node, setting.name, f"${{{setting.name}}}")
        elif dataclasses.is_dataclass(setting.default_factory):
            OmegaConf.update(node, setting.name, _schema(setting.default_factory))  # type: ignore[arg-type]
    return node


def _register() -> None:
    """Put every class of every shelf into Hydra's store."""
    OmegaConf.register_new_resolver("if_quick", _if_quick, replace=True)
    store = ConfigStore.instance()
    base = _schema(Run)
    base.device, base.asset = "cpu", ""
    store.store(name="base", node=base)
    for group, (room, contract) in ONE_OF.items():
        for name, plugin in shelf.everything(room, contract).items():
            store.store(group=group, name=name, node=_schema(plugin))
    for group, (room, contract) in MANY_OF.items():
        for name, plugin in shelf.everything(room, contract).items():
            store.store(group=group, name=name, node=_schema(plugin), package=f"{group}.{name}")
    ours = [name for name, metric in shelf.everything(metrics, metrics.Metric).items() if not metric.peer]  # type: ignore[type-abstract]
    store.store(name="every_scenario", node={"defaults": [{"scenarios": shelf.names(scenarios)}]})
    store.store(name="every_metric", node={"defaults": [{"metrics": ours}]})
    store.store(name="every_flow", node={"defaults": [{"flows": shelf.names(flows)}]})
    store.store(name="every_law", node={"defaults": [{"laws": shelf.names(laws)}]})
    store.store(name="every_violation", node={"defaults": [{"violations": shelf.names(violations)}]})
    shelved = shelf.everything(exporters, exporters.Exporter)  # type: ignore[type-abstract]
    usual = [name for name, exporter in shelved.items() if not exporter.on_request]
    store.store(name="every_exporter", node={"defaults": [{"exporters": usual}]})


def compose(overrides: list[str]) -> Run:
    """The run that the command line with these overrides asks for."""
    _register()
    return OmegaConf.to_object(_composed(overrides))  # type: ignore[return-value]


def more(overrides: list[str], words: Sequence[str]) -> Run:
    """What the command would be with these words at its end."""
    try:
        return OmegaConf.to_object(_composed([*overrides, *words]))  # type: ignore[return-value]
    except HydraException as error:
        raise ValueError(f"study: {' '.join(words)}: {error}") from error


def _composed(overrides: list[str]) -> DictConfig:
    if GlobalHydra.instance().is_initialized():  # a study asks for its runs while the command runs
        return hydra.compose("config", overrides=overrides)
    with hydra.initialize_config_dir(version_base="1.3", config_dir=CONF):
        return hydra.compose("config", overrides=overrides)


def _help() -> str:
    """Every stage, every choice on every shelf, every setting. Hydra's own help takes seconds for so many choices."""
    shelves = {group: shelf.names(room) for group, (room, _) in {**ONE_OF, **MANY_OF}.items()}
    shelves["experiment"] = sorted(path.stem for path in Path(CONF, "experiment").glob("*.yaml"))
    return HELP.format(
        stages=", ".join(STAGES),
        several=", ".join(MANY_OF),
        shelves="\n".join(f"{group}: {', '.join(names)}" for group, names in sorted(shelves.items())),
        settings=OmegaConf.to_yaml(_composed([])),
    )


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def _application(config: DictConfig) -> None:
    from pipeline.stages._walk import walk

    try:
        running = HydraConfig.get()
        if running.mode == RunMode.MULTIRUN and running.job.override_dirname:
            config.run = f"{config.run}-" + re.sub(r"[^\w.,=+-]", "_", running.job.override_dirname)
        run: Run = OmegaConf.to_object(config)  # type: ignore[assignment]
        ask = partial(more, list(running.overrides.task))
        status = walk(run, OmegaConf.to_yaml(config, resolve=True), ask)
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    _statuses.append(status)


_statuses: list[int] = []
"""Of the jobs of this command: one, or as many as a sweep has."""


def main() -> None:
    """Run the command line.

    Exit status: 0 all done, 1 some units failed (named), 2 the request was wrong, 130 interrupted; of a sweep, the
    worst. A sweep goes on after a run that failed.
    """
    _statuses.clear()
    try:
        _register()
        if {"--help", "-h"} & set(sys.argv[1:]):
            print(_help())
            return
        _application()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except SystemExit as stop:  # Hydra has refused the request, or answered it itself
        sys.exit(stop.code if _statuses or not stop.code else 2)
    sys.exit(max(_statuses, default=0))
