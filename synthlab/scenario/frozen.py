"""A mapping that cannot be changed, and can be hashed and pickled.

``types.MappingProxyType`` does neither of the latter, and scenarios travel between
processes and serve as keys of caches.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

V = TypeVar("V")


class FrozenMapping(dict[str, V]):
    """A dict with text keys and no way to change it.

    Examples
    --------
    >>> FrozenMapping(a=1)
    {'a': 1}
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is read-only; make a changed copy with dict(...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        # A dict subclass is otherwise filled item by item when it is unpickled.
        return type(self), (dict(self),)
