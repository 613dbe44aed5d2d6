"""compare: what differs between two artifacts, from the scenario to the findings."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthlab.results import Result, counted, to_json_value

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.artifact import Artifact
    from synthlab.plotting.style import Plot
    from synthlab.scenario.difference import Change

MAX_SHOWN = 30
"""Rows of a table in a notebook. Assumed: a screen."""

LEAST_KS = 0.005
"""Distances below it are not told. Assumed: a hundredth of what an eye sees in two curves."""


@dataclass(frozen=True, slots=True, repr=False)
class Side(Result):
    """One of the two artifacts.

    Attributes
    ----------
    scenario_id, run_id, csv_sha256, start_at, end_at : str
    seed, row_count : int
    device_ids : tuple of str
    qc_passed : bool or None
        None where it was never analyzed.
    """

    scenario_id: str
    run_id: str
    csv_sha256: str
    seed: int
    start_at: str
    end_at: str
    row_count: int
    device_ids: tuple[str, ...]
    qc_passed: bool | None

    @property
    def name(self) -> str:
        """Scenario and run."""
        return f"{self.scenario_id}/{self.run_id}"

    def summary(self) -> str:
        """Say in one line which artifact it is."""
        return f"{self.name}: {counted(self.row_count, 'row')}, {self.start_at} to {self.end_at}"


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Result):
    """What differs between two artifacts.

    Attributes
    ----------
    a, b : Side
    is_identical : bool
        Whether the rows are the same bytes.
    scenario_changes : tuple of Change
        From a's scenario to b's, value by value: seeds, curves, devices.
    agreement : DataFrame
        By device: rows of each, rows of the same time, and how many of those are equal.
    columns : DataFrame
        By column: shared rows that are equal, and the largest difference.
    distributions : DataFrame
        By device and column: Kolmogorov-Smirnov distance, means and quantiles.
    metrics : DataFrame
        By device and metric: ``a``, ``b``, ``difference``.
    findings : DataFrame
        By check and flag: rows in ``a`` and ``b``.
    """

    a: Side
    b: Side
    is_identical: bool
    scenario_changes: tuple[Change, ...]
    agreement: pd.DataFrame
    columns: pd.DataFrame
    distributions: pd.DataFrame
    metrics: pd.DataFrame
    findings: pd.DataFrame
    _frames: tuple[pd.DataFrame, pd.DataFrame] = field(repr=False)

    @property
    def only_a(self) -> tuple[str, ...]:
        """Devices that only a has."""
        return tuple(name for name in self.a.device_ids if name not in set(self.b.device_ids))

    @property
    def only_b(self) -> tuple[str, ...]:
        """Devices that only b has."""
        return tuple(name for name in self.b.device_ids if name not in set(self.a.device_ids))

    @property
    def shared_count(self) -> int:
        """Rows of the same device and time."""
        return int(self.agreement["shared_count"].sum())

    @property
    def equal_count(self) -> int:
        """Shared rows that are equal in every column but seq."""
        return int(self.agreement["equal_count"].sum())

    def most_different(self) -> list[str]:
        """Return the devices of both, from the most different on, by the distance of their level."""
        if not len(self.distributions):
            return []
        largest = self.distributions["ks"].groupby(level="device_id").max()
        return [str(name) for name in largest.sort_values(ascending=False, kind="stable").index]

    def to_frame(self) -> pd.DataFrame:
        """Return every number that is compared, a row each.

        Columns: ``part`` (rows, distribution, metric, finding), ``device_id``, ``name``,
        ``a``, ``b``, ``difference``, ``ks``.
        """
        import pandas as pd

        rows = self.agreement.reset_index()
        parts = [
            pd.DataFrame(
                {
                    "part": "rows",
                    "device_id": rows["device_id"],
                    "name": "row_count",
                    "a": rows["row_count_a"],
                    "b": rows["row_count_b"],
                }
            ),
            _tidy("distribution", self.distributions, name="column", a="mean_a", b="mean_b"),
            _tidy("metric", self.metrics, name="metric", a="a", b="b"),
            _tidy("finding", self.findings, name="check", a="a", b="b"),
        ]
        table = pd.concat([part for part in parts if len(part)], ignore_index=True)
        table["difference"] = table["b"].astype("float64") - table["a"].astype("float64")
        names = ["part", "device_id", "name", "a", "b", "difference", "ks"]
        return table.reindex(columns=names)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return to_json_value(
            {
                "a": self.a,
                "b": self.b,
                "is_identical": self.is_identical,
                "only_a": self.only_a,
                "only_b": self.only_b,
                "shared_row_count": self.shared_count,
                "equal_row_count": self.equal_count,
                "scenario_changes": self.scenario_changes,
                "agreement": _records(self.agreement),
                "columns": _records(self.columns),
                "distributions": _records(self.distributions),
                "metrics": _records(self.metrics),
                "findings": _records(self.findings),
            }
        )

    def figure(self) -> Plot | None:
        """Draw the devices that differ most; None where the artifacts share none."""
        from synthlab.plotting.compare import compare_figure

        devices = self.most_different()
        if not devices:
            return None
        names = (self.a.name, self.b.name)
        if names[0] == names[1]:
            names = (f"{names[0]} (a)", f"{names[1]} (b)")
        return compare_figure(
            *self._frames, devices, labels=names, finding=self._farthest(), subtitle=self._extent()
        )

    def summary(self) -> str:
        """Say in one line how far the two are apart."""
        if self.is_identical:
            return "the rows are the same, byte for byte"
        return "; ".join(filter(None, (self._extent(), self._farthest())))

    def _extent(self) -> str:
        """Say how much differs."""
        count = len(self.scenario_changes)
        verb = "value differs" if count == 1 else "values differ"
        changed = f"{count} {verb} in the scenario" if count else "the scenario is the same"
        if not self.shared_count:
            return f"{changed}; no row is of the same device and time"
        return f"{changed}; {100 * self.equal_count / self.shared_count:.1f} % of shared rows are equal"

    def _farthest(self) -> str:
        """Say which device differs most, and in what."""
        devices = self.most_different()
        if not devices:
            return ""
        distances = self.distributions["ks"].xs(devices[0], level="device_id")
        if not distances.max():
            return "no distribution differs"
        return f"{devices[0]} moves most ({distances.idxmax()}, KS {distances.max():.2f})"

    def __repr__(self) -> str:
        return f"Comparison({self.a.name} against {self.b.name}: {self.summary()})"

    def _repr_html_(self) -> str:
        figure = self.figure()
        parts = [f"<h4>{html.escape(self.a.name)} against {html.escape(self.b.name)}</h4>"]
        parts.append(f"<p>{html.escape(self.summary())}</p>")
        if figure is not None:
            from base64 import b64encode

            source = b64encode(figure.png()).decode("ascii")
            alt = html.escape(figure.summary, quote=True)
            parts.append(f'<img style="max-width:100%" alt="{alt}" src="data:image/png;base64,{source}">')
        for title, table in self._tables():
            if len(table):
                more = f", {MAX_SHOWN} of {len(table)}" if len(table) > MAX_SHOWN else ""
                shown = table.head(MAX_SHOWN).to_html(float_format=lambda v: f"{v:,.3f}", escape=True)
                parts.append(f"<h5>{title}{more}</h5>{shown}")
        return "".join(parts)

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        import pandas as pd

        changes = pd.DataFrame(
            [(one.path, str(one.before), str(one.after)) for one in self.scenario_changes],
            columns=["where", "a", "b"],
        )
        moved = self.distributions[self.distributions["ks"] >= LEAST_KS]
        differing = self.metrics[self.metrics["difference"].abs() > 0]
        return [
            ("Scenario", changes),
            ("Rows", self.agreement),
            ("Distributions, the farthest first", moved.sort_values("ks", ascending=False, kind="stable")),
            ("Metrics that differ", differing),
            ("Findings", self.findings),
        ]


def compare(
    artifact_a: str | os.PathLike[str] | Artifact, artifact_b: str | os.PathLike[str] | Artifact
) -> Comparison:
    """Compare two artifacts: scenarios, rows, distributions, metrics and findings.  Reads only.

    Parameters
    ----------
    artifact_a, artifact_b : path or Artifact
        What `export_csv` wrote; of one scenario or of two.

    Returns
    -------
    Comparison

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``, ``CSV_HASH_MISMATCH``.

    Notes
    -----
    Findings are those of the checks, run now: an analysis is not needed.
    """
    from synthlab.quality.drift import distribution_drift, row_agreement
    from synthlab.scenario.difference import changes

    a, b = (_opened(artifact) for artifact in (artifact_a, artifact_b))
    frames = a.read_rows().frame, b.read_rows().frame
    agreement, columns = row_agreement(*frames)
    return Comparison(
        a=_side(a),
        b=_side(b),
        is_identical=a.manifest["csv_sha256"] == b.manifest["csv_sha256"],
        scenario_changes=changes(a.manifest["scenario"], b.manifest["scenario"]),
        agreement=agreement,
        columns=columns,
        distributions=distribution_drift(*frames),
        metrics=_metrics((a, b), frames),
        findings=_findings((a, b), frames),
        _frames=frames,
    )


def _opened(artifact: str | os.PathLike[str] | Artifact) -> Artifact:
    from synthlab.artifact.store import Artifact, read_artifact

    opened = artifact if isinstance(artifact, Artifact) else read_artifact(artifact)
    opened.verify_hash()
    return opened


def _side(artifact: Artifact) -> Side:
    from synthlab.workflows.analyze import stored_analysis

    manifest = artifact.manifest
    analysis = stored_analysis(artifact)
    return Side(
        **{key: manifest[key] for key in ("scenario_id", "run_id", "csv_sha256", "seed")},
        **{key: manifest[key] for key in ("start_at", "end_at", "row_count")},
        device_ids=tuple(sorted(manifest["devices"])),
        qc_passed=None if analysis is None else analysis["qc_passed"] is True,
    )


def _metrics(artifacts: tuple[Artifact, Artifact], frames: tuple[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    a, b = (_metrics_of(artifact, frame) for artifact, frame in zip(artifacts, frames, strict=True))
    table = pd.DataFrame({"a": a, "b": b})
    return table.assign(difference=table["b"] - table["a"]).dropna(how="all")


def _metrics_of(artifact: Artifact, frame: pd.DataFrame) -> pd.Series[float]:
    """Return the metrics by device and name; none where no row has a time."""
    import pandas as pd

    from synthlab.quality.formulas import DEVICE_METRICS
    from synthlab.quality.metrics import metrics_from_frame
    from synthlab.workflows.analyze import artifact_reservoirs

    names = list(DEVICE_METRICS)
    if frame["received_at"].notna().any():
        table = metrics_from_frame(frame, reservoirs=artifact_reservoirs(artifact))[names]
    else:
        table = pd.DataFrame(columns=names)
    devices = [str(name) for name in table.index]
    index = pd.MultiIndex.from_product([devices, names], names=["device_id", "metric"])
    return pd.Series(table.to_numpy(dtype="float64").ravel(), index=index, dtype="float64")


def _findings(artifacts: tuple[Artifact, Artifact], frames: tuple[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    from synthlab.quality.checks import check
    from synthlab.workflows.analyze import artifact_reservoirs, artifact_steps

    counts: list[Mapping[str, Mapping[str, int]]] = [
        check(frame, reservoirs=artifact_reservoirs(artifact), step_seconds=artifact_steps(artifact)).counts
        for artifact, frame in zip(artifacts, frames, strict=True)
    ]
    rows = [
        (name, flag, *(side.get(name, {}).get(flag, 0) for side in counts))
        for name in dict.fromkeys((*counts[0], *counts[1]))
        for flag in ("FAIL", "SUSPECT")
    ]
    table = pd.DataFrame([row for row in rows if any(row[2:])], columns=["check", "flag", "a", "b"])
    return table.set_index(["check", "flag"])


def _tidy(part: str, table: pd.DataFrame, *, name: str, a: str, b: str) -> pd.DataFrame:
    flat = table.reset_index()
    names = flat[name] + "_" + flat["flag"].str.lower() if "flag" in flat else flat[name]
    return flat.assign(part=part, name=names, a=flat[a], b=flat[b]).reindex(
        columns=["part", "device_id", "name", "a", "b", "ks"]
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [to_json_value(record) for record in table.reset_index().to_dict("records")]
