"""Runs both fuzz targets of the native runtime and records how many inputs they tried; exit code 1 if one found a fault.

    make native-fuzz FUZZ_SECONDS=300

The corpus is kept in build/native-fuzz, so that a later run continues from it. The result goes to
benchmarks/results/native-fuzz.json.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.machine import machine_name  # noqa: E402

BUILD = ROOT / "build" / "native-fuzz"
TARGETS = ("manifest", "bundle")


def start(target: str, seconds: int, golden: Path) -> subprocess.Popen[str]:
    corpus, findings = BUILD / "corpus" / target, BUILD / "findings" / target
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        BUILD / "tests" / "native" / f"drc_fuzz_{target}",
        f"-max_total_time={seconds}",
        "-timeout=30",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
        f"-artifact_prefix={findings}/",
        corpus,
        golden / f"fuzz-{target}",
    ]
    return subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"DRC_GOLDEN": str(golden)},
    )


def last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--golden", type=Path, default=BUILD / "tests" / "native" / "golden")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "native-fuzz.json")
    arguments = parser.parse_args()
    running = {target: start(target, arguments.seconds, arguments.golden) for target in TARGETS}
    result: dict[str, object] = {"machine": machine_name(), "seconds": arguments.seconds}
    failed = False
    for target, process in running.items():
        log = process.communicate()[1]
        findings = sorted(path.name for path in (BUILD / "findings" / target).iterdir())
        result[target] = {
            "executions": last_number(r"number_of_executed_units:\s+(\d+)", log),
            "corpus": sum(1 for _ in (BUILD / "corpus" / target).iterdir()),
            "edges_covered": last_number(r"cov: (\d+)", log),
            "peak_resident_mib": last_number(r"peak_rss_mb:\s+(\d+)", log),
            "findings": findings,
        }
        if process.returncode or findings:
            failed = True
            print(log[-6000:], file=sys.stderr)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
