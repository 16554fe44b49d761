"""The shops a company has: what customers choose from, and what a shop's number is called where people read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from shared.policies.texts import PolicyModel, Text, Wording

MAX_STORES = 1_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,63}")


def _as_channels_send_it(store_id: str) -> str:
    if not _ID.fullmatch(store_id):
        raise ValueError("a store's id is what channels send: letters, digits and _ . : / # -, at most 64 of them")
    return store_id


StoreId = Annotated[str, StringConstraints(strict=True), AfterValidator(_as_channels_send_it)]
StoreWording = Annotated[Wording, StringConstraints(max_length=80)]


class StoreName(Text):
    """What a shop is called; short, for it stands in a list on a phone."""

    zh: StoreWording
    en: StoreWording


class Store(PolicyModel):
    """One shop, branch or counter; `id` is its number in the company's other systems."""

    id: StoreId
    name: StoreName

    def in_(self, language: str) -> str:
        """Return its name and number as people read them."""
        return f"{self.name.in_(language)} · {self.id}"


class Stores(PolicyModel):
    """File `stores.yaml`, which a pack may leave out: then a shop is told in words."""

    stores: Annotated[tuple[Store, ...], Field(min_length=1, max_length=MAX_STORES)]

    @cached_property
    def by_id(self) -> dict[str, Store]:
        """Stores by their id, in the order of the file."""
        return {store.id: store for store in self.stores}


def store_told(stores: Mapping[str, Store], store_id: str, language: str) -> str:
    """Return a shop as people read it: name and number where the list has it, else the words as they were given."""
    store = stores.get(store_id)
    return store.in_(language) if store else store_id
