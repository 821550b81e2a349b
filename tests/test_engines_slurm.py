"""The engine `submitit` before commands that behave as Slurm's do: what it asks for, and what becomes of it."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest
from odd_jobs import square, told

from pipeline.engines import Job

pytest.importorskip("submitit")

COMMANDS = {
    # Runs the tasks of an array one after the other, in the background, as a node would.
    "sbatch": """
        import os, re, subprocess, sys
        text = open(sys.argv[-1]).read()
        state = os.environ["FAKE_SLURM"]
        number = 1 + len(os.listdir(state))
        os.mkdir(f"{state}/{number}")
        open(f"{state}/{number}/script", "w").write(text)
        last = int((re.search(r"--array=0-(\\d+)", text) or [0, 0])[1])
        line = f'import subprocess, os\\nfor one in range({last + 1}): subprocess.run(["bash", {sys.argv[-1]!r}], ' \\
            f'env={{**os.environ, "SLURM_ARRAY_JOB_ID": "{number}", "SLURM_ARRAY_TASK_ID": str(one)}})\\n' \\
            f'open("{state}/{number}/over", "w")'
        started = {"SLURM_JOB_ID": str(number), "SLURM_JOB_NUM_NODES": "1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0",
                   "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_JOB_NODELIST": "node1"}
        if number != int(os.environ.get("FAKE_LOST", 0)):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.Popen([sys.executable, "-c", line], env={**os.environ, **started}, **quiet)
        else:
            open(f"{state}/{number}/over", "w")
        print(f"Submitted batch job {number}")
    """,
    "srun": """
        import os, subprocess, sys
        words = sys.argv[1:]
        while words[0].startswith("-"):
            words = words[2 if words[0] in ("--output", "--error") else 1:]
        sys.exit(subprocess.run(words).returncode)
    """,
    "sacct": """
        import os, sys
        print("JobID|State|NodeList")
        for number in os.listdir(os.environ["FAKE_SLURM"]):
            state = "NODE_FAIL" if os.path.exists(f"{os.environ['FAKE_SLURM']}/{number}/over") else "RUNNING"
            for task in range(8):
                print(f"{number}_{task}|{state}|node1")
    """,
    "scancel": """
        import os, sys
        open(f"{os.environ['FAKE_SLURM']}/../cancelled", "a").write(" ".join(sys.argv[1:]) + "\\n")
    """,
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in which the fake keeps the scripts it was given."""
    commands, state = tmp_path / "commands", tmp_path / "state"
    commands.mkdir()
    state.mkdir()
    for name, body in COMMANDS.items():
        path = commands / name
        path.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{Path('/usr/bin')}:{Path('/bin')}")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    return state


def engine(folder: Path, **settings: object) -> object:
    from pipeline.engines.submitit import Submitit

    return Submitit(tasks=3, chunk=2, folder=str(folder / "tasks"), **settings)  # type: ignore[arg-type]


def test_chunks_are_tasks_of_an_array_with_what_they_need(slurm: Path, tmp_path: Path) -> None:
    jobs = [Job(f"try {number}", square, (number,)) for number in range(5)]
    jobs.append(Job("try name", told, ("QUICKSAND_WORKER",)))
    asked = engine(tmp_path, workers=2, threads=3, gpus=1, minutes=90, slurm={"partition": "long"})
    outcomes = list(asked.run(jobs, "try", 6))  # type: ignore[attr-defined]
    assert [outcome.value for outcome in outcomes[:5]] == [0, 1, 4, 9, 16]
    assert re.fullmatch(r"4-1\.[01]", outcomes[5].value)
    (script,) = [path.read_text() for path in slurm.glob("*/script")]
    for option in ("array=0-2%3", "cpus-per-task=6", "gpus-per-node=1", "time=90", "mem=8GB", "partition=long"):
        assert f"#SBATCH --{option}" in script
    assert not (tmp_path / "tasks").exists()


def test_a_lost_task_is_submitted_again(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_LOST", "1")
    jobs = [Job(f"try {number}", square, (number,)) for number in range(4)]
    outcomes = list(engine(tmp_path).run(jobs, "try", 4))  # type: ignore[attr-defined]
    assert [outcome.value for outcome in outcomes] == [0, 1, 4, 9]
    assert len(list(slurm.glob("*/script"))) == 2


def test_tasks_are_cancelled_when_nobody_wants_them_any_more(slurm: Path, tmp_path: Path) -> None:
    slow = [Job(f"try {number}", told, ("PATH", 3.0)) for number in range(1, 6)]
    outcomes = engine(tmp_path).run([Job("try 0", square, (0,)), *slow], "try", 6)  # type: ignore[attr-defined]
    assert next(outcomes).value == 0
    outcomes.close()
    assert (tmp_path / "cancelled").read_text().strip()


def test_without_slurm_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"machine of a Slurm cluster.*engine.cluster=local"):
        list(engine(tmp_path).run([Job("try", square, (1,))], "try", 1))  # type: ignore[attr-defined]
