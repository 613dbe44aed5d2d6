"""provision: a scenario's devices and reservoirs on the reference platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.results import MAX_ITEMS, Result
from synthlab.workflows.connect import open_platform

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario


@dataclass(frozen=True)
class ProvisionResult(Result):
    """What is on the platform now.

    Attributes
    ----------
    scenario_id : str
    devices : tuple of str
    created, updated, unchanged : int
        Devices, each with its reservoir.
    assumed : tuple of str
        Devices whose reservoir is the archetype's default.
    """

    scenario_id: str
    devices: tuple[str, ...]
    created: int
    updated: int
    unchanged: int
    assumed: tuple[str, ...]

    def summary(self) -> str:
        """Say in one line what changed on the platform."""
        changed = f"{self.created} created, {self.updated} updated, {self.unchanged} unchanged"
        if not self.assumed:
            return changed
        named = ", ".join(self.assumed[:MAX_ITEMS])
        more = f" and {len(self.assumed) - MAX_ITEMS} more" if len(self.assumed) > MAX_ITEMS else ""
        return f"{changed}; reservoir assumed from the archetype: {named}{more}"


def provision(scenario: Scenario, *, database: str | None = None, site: str = "demo") -> ProvisionResult:
    """Create what the scenario needs: tables, reservoirs, attached devices.

    Everything is marked synthetic, and nothing that is not so is touched.  A second
    call changes nothing.

    Parameters
    ----------
    scenario : Scenario
        A device's ``reservoir`` block describes its reservoir; without one the
        archetype's default is taken.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    site : str
        Name of the site that the reservoirs belong to.

    Raises
    ------
    SafetyError
        Code ``SAFETY_GUARD``: a device of that name is there and not synthetic.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    DiskError
        Code ``DISK_WRITE_FAILED``: the embedded platform's file cannot be made.
    """
    from synthlab.platform.provision import provision_devices
    from synthlab.platform.schema import create_schema
    from synthlab.scenario.resolve import resolve

    wanted = [device.reservoir for device in resolve(scenario)]
    with open_platform(database) as platform:
        with platform.schema_change() as engine:
            create_schema(engine)
        with platform.session() as session:
            counts = provision_devices(session, wanted, site=site)
    return ProvisionResult(
        scenario_id=scenario.scenario_id,
        devices=tuple(reservoir.device_id for reservoir in wanted),
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        assumed=tuple(reservoir.device_id for reservoir in wanted if reservoir.origin == "assumed"),
    )
