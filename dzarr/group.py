"""The group handle: a folder of arrays and groups, as a mapping.

Knows: how members are named, made, moved and removed. Must not know: what arrays hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from dzarr.array import Array, open_array_node
from dzarr.attributes import Attributes
from dzarr.changes import create_node, delete_node, move_node, update_attributes
from dzarr.consolidated import ancestors
from dzarr.creation import array_metadata, checked_array, checked_group
from dzarr.describe import array_facts
from dzarr.display import GroupFacts, TreeNode, group_html, group_text
from dzarr.errors import (
    DzarrError,
    MetadataError,
    NodeExistsError,
    NodeNotFoundError,
    NodeTypeError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from dzarr.format.members import mapping
from dzarr.format.metadata import ArrayMetadata, GroupMetadata
from dzarr.format.selection import whole
from dzarr.io.open import obeying
from dzarr.io.source import Source
from dzarr.io.store import Store
from dzarr.members import member_at, members, open_node
from dzarr.node import Node, check_new, join, layout_of, published_node
from dzarr.options import Options, changed
from dzarr.tree import Tree
from dzarr.verify import verified


class Group(Mapping[str, Any]):
    """Arrays and groups by name; ``g["a/b"]`` reaches further down.

    The members of a group that was opened for reading come from its consolidated record, if it has one. Opened for
    writing, they come from their own documents, and a record that says otherwise is put right.

    Examples
    --------
    >>> import dzarr
    >>> g = dzarr.create_group("memory://group-example", attributes={"title": "an example"})
    >>> a = g.create_array("inner/a", shape=(4,), dtype="f8", chunks=(2,))
    >>> sorted(g), g["inner/a"].shape, "b" in g
    (['inner'], (4,), False)
    """

    def __init__(self, node: Node, options: Options, *, writable: bool, consolidated: Any = None) -> None:
        if not isinstance(node.metadata, GroupMetadata):
            raise NodeTypeError("not a group", key=node.path)
        self._node = node
        self._options = options
        self._writable = writable
        self._consolidated = consolidated
        self._attributes: Attributes | None = None
        self._unread = False
        self._home = node.path if node.record is None else node.record.root
        self._home_format = node.metadata.zarr_format if node.record is None else node.record.zarr_format

    @property
    def path(self) -> str:
        """Where the group is in its store."""
        return self._node.path

    @property
    def url(self) -> str:
        """The store, as text without credentials."""
        return self._node.store.token

    @property
    def options(self) -> Options:
        """How handles made from this one read and write."""
        return self._options

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._writable

    @property
    def zarr_format(self) -> int:
        """2 or 3."""
        return self._node.metadata.zarr_format

    @property
    def metadata(self) -> GroupMetadata:
        """What its document says."""
        if self._unread:  # left behind by pickling
            self.refresh()
        metadata = self._node.metadata
        if not isinstance(metadata, GroupMetadata):
            raise NodeTypeError("not a group", key=self.path)
        return metadata

    @property
    def attrs(self) -> Attributes:
        """The attributes; changes are written at once."""
        if self._attributes is None:
            values = self.metadata.attributes
            self._attributes = Attributes(values, self._change_attributes if self._writable else None)
        return self._attributes

    def _change_attributes(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        self._node = update_attributes(self._node, change)
        return self._node.metadata.attributes

    # Members

    def __getitem__(self, name: str) -> Any:
        path = join(self.path, name)
        node = self._member(path)
        if node is None:
            raise self._no_member(name, path)
        return self._handle(node)

    def _member(self, path: str) -> Node | None:
        group = self._read()
        if path == group.path:
            return group
        return member_at(group, path, own=self._writable, consolidated=self._consolidated)

    def _read(self) -> Node:
        if self._unread:  # left behind by pickling
            self.refresh()
        return self._node

    def _no_member(self, name: str, path: str) -> NodeNotFoundError:
        record = None if self._writable else self._node.record
        return NodeNotFoundError(
            f"no member {name!r} in group {self.path or '/'!r}",
            key=path,
            found=None if record is None else f"what the consolidated record {record.key!r} has",
            fix=f"check the name; the store is {self.url}"
            if record is None
            else "open the group with consolidated=False if the record may be out of date",
        )

    def _handle(self, node: Node) -> Array | Group:
        if isinstance(node.metadata, ArrayMetadata):
            return open_array_node(node, self._options, writable=self._writable)
        return Group(node, self._options, writable=self._writable, consolidated=self._consolidated)

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            path = join(self.path, name)
        except DzarrError:
            return False  # what can't be a name is no member's
        try:
            return self._member(path) is not None
        except (MetadataError, UnsupportedError):
            return True  # it is there, and g[name] says what is wrong with it

    def __iter__(self) -> Iterator[str]:
        for name, _ in self._nodes():
            yield name

    def _nodes(self) -> Iterator[tuple[str, Node | DzarrError]]:
        return members(self._read(), own=self._writable, consolidated=self._consolidated)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _members(self) -> Iterator[tuple[str, Array | Group]]:
        failed: StoreError | None = None
        for name, node in self._nodes():
            if isinstance(node, DzarrError):
                # It is still among the keys, and g[name] says what is wrong with it.
                failed = node if isinstance(node, StoreError) else failed
                continue
            try:
                handle = self._handle(node)
            except DzarrError:
                continue
            yield name, handle
        if failed is not None:  # nothing is wrong with that member, as far as anybody knows
            raise failed

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield (name, array) of the arrays directly in this group; broken ones are left out.

        Raises StoreError, after all others, where the store failed to answer for one.
        """
        for name, member in self._members():
            if isinstance(member, Array):
                yield name, member

    def groups(self) -> Iterator[tuple[str, Group]]:
        """Yield (name, group) of the groups directly in this one. Raises as `arrays` does."""
        for name, member in self._members():
            if isinstance(member, Group):
                yield name, member

    # Changes

    def create_array(self, name: str, *, overwrite: bool = False, **create: Any) -> Array:
        """Make an array below this group; the parameters are those of ``dzarr.create``."""
        self._check_writable()
        create.setdefault("zarr_format", self.zarr_format)
        path = join(self.path, self._named(name))
        metadata = array_metadata(self._options, **create)
        node = create_node(self._node.store, path, metadata, overwrite=overwrite)
        return open_array_node(node, self._options, writable=True)

    def create_group(self, name: str, *, attributes: Mapping[str, Any] | None = None, overwrite: bool = False) -> Group:
        """Make a group below this one, and those on the way to it that are missing."""
        self._check_writable()
        metadata = GroupMetadata(self._node.metadata.zarr_format, mapping(attributes or {}, "attributes"))
        path = join(self.path, self._named(name))
        return Group(create_node(self._node.store, path, metadata, overwrite=overwrite), self._options, writable=True)

    def require_array(self, name: str, *, shape: Any, dtype: Any, **create: Any) -> Array:
        """Return the array `name`, made if it is not there. Raises GridError or DTypeError if it is another one."""
        if name not in self:
            with suppress(NodeExistsError):  # somebody else made it meanwhile
                return self.create_array(name, shape=shape, dtype=dtype, **create)
        return checked_array(self[name], shape, dtype)

    def require_group(self, name: str) -> Group:
        """Return the group `name`, made if it is not there. Raises NodeTypeError where an array is in its place."""
        if name not in self:
            with suppress(NodeExistsError):  # somebody else made it meanwhile
                return self.create_group(name)
        group: Group = checked_group(self[name])
        return group

    def create_hierarchy(self, members: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Array | Group]:
        """Make many members at once: path -> keywords of ``create_array``, or None for a group.

        All are checked before the first is written.

        Examples
        --------
        >>> import dzarr
        >>> g = dzarr.create_group("memory://hierarchy-example")
        >>> made = g.create_hierarchy({"raw": None, "raw/x": {"shape": (8,), "dtype": "u2", "chunks": (4,)}})
        >>> sorted(made)
        ['raw', 'raw/x']
        """
        self._check_writable()
        planned: dict[str, ArrayMetadata | None] = {}
        for name, keywords in members.items():
            path = check_new(join(self.path, self._named(name)))
            self._refuse_existing(path)
            form = {"zarr_format": self.zarr_format}
            keywords = None if keywords is None else mapping(keywords, f"members[{name!r}]")
            planned[path] = None if keywords is None else array_metadata(self._options, **(form | keywords))
        for path in planned:
            self._check_above(path, planned)
        made: dict[str, Array | Group] = {}
        for path in sorted(planned, key=lambda path: path.count("/")):
            metadata = planned[path] or GroupMetadata(self._node.metadata.zarr_format)
            made[path] = self._handle(create_node(self._node.store, path, metadata))
        return {name: made[join(self.path, name)] for name in members}

    def _check_above(self, path: str, planned: Mapping[str, ArrayMetadata | None]) -> None:
        for above in ancestors(path):
            node = None if above in planned else published_node(self._node.store, above)
            if planned.get(above) is not None or (node is not None and isinstance(node.metadata, ArrayMetadata)):
                raise NodeTypeError("an array holds no members", key=above, found=path, fix="choose a path outside it")

    def _refuse_existing(self, path: str) -> None:
        from_there = published_node(self._node.store, path)
        if from_there is not None:
            create_node(self._node.store, path, from_there.metadata)  # raises the error that names what is there

    def __delitem__(self, name: str) -> None:
        self._check_writable()
        path = join(self.path, self._named(name))
        if name not in self:
            raise NodeNotFoundError(f"no member {name!r} in group {self.path or '/'!r}", key=path)
        delete_node(self._node.store, path)

    def move(self, source: str, target: str) -> None:
        """Move a member, with all below it, to another place below this group."""
        self._check_writable()
        move_node(self._node.store, join(self.path, self._named(source)), join(self.path, self._named(target)))

    def _named(self, name: str) -> str:
        if not isinstance(name, str) or not name.strip("/"):
            raise NodeTypeError("a member needs a name", found=name)
        return name

    def _check_writable(self) -> None:
        if not self._writable:
            raise ReadOnlyError("the group was opened for reading", key=self.path or "/", fix="open it with mode='r+'")

    def refresh(self) -> Group:
        """Read the group's document again, and its consolidated record, in place. Returns the handle itself."""
        self._node = self._found_again()
        self._attributes, self._unread = None, False
        return self

    def _found_again(self) -> Node:
        """Return the group as it is now, by way of the group above whose record has it, if there is one."""
        store, own, consolidated = self._node.store, self._writable, self._consolidated
        home = open_node(store, self._home, self._home_format, consolidated=consolidated, own=own)
        if consolidated == "verify":
            verified(home)
        if self._home == self.path:
            return home
        node = member_at(home, self.path, own=own, consolidated=consolidated)
        if node is None:
            raise NodeNotFoundError("the group is gone", key=self.path, fix="open what is there now, or create it")
        return node

    def with_options(self, **changes: Any) -> Group:
        """Return the same group with other options, by name: see ``dzarr.Options``."""
        options, node = changed(self._options, changes), self._node
        node = replace(node, store=obeying(node.store, options, changes))
        group = Group(node, options, writable=self._writable, consolidated=self._consolidated)
        group._unread, group._home, group._home_format = self._unread, self._home, self._home_format
        return group

    def __reduce__(self) -> tuple[Any, ...]:
        how = self._options, self._writable, self._consolidated, self._home, self._home_format
        return _revive, (self._node.store, self.path, self.zarr_format, *how)

    # People

    def tree(self, depth: int | None = None) -> Tree:
        """Return the hierarchy below this group, to be printed; `depth` levels of it."""
        return Tree(TreeNode(self.path.rpartition("/")[2] or "/", None, self._branches(depth)))

    def _branches(self, depth: int | None) -> tuple[TreeNode, ...]:
        if depth is not None and depth <= 0:
            return ()
        nodes = []
        for name, node in self._nodes():
            if isinstance(node, DzarrError):
                nodes.append(_unreadable(name, node))
            elif isinstance(node.metadata, ArrayMetadata):
                nodes.append(self._leaf(name, node))
            else:
                nodes.append(self._branch(name, node, None if depth is None else depth - 1))
        return tuple(nodes)

    def _branch(self, name: str, node: Node, depth: int | None) -> TreeNode:
        group = Group(node, self._options, writable=self._writable, consolidated=self._consolidated)
        try:
            return TreeNode(name, None, group._branches(depth))
        except DzarrError as error:
            return _unreadable(name, error)

    def _leaf(self, name: str, node: Node) -> TreeNode:
        metadata = node.metadata
        try:
            layout = layout_of(metadata, self._options)  # type: ignore[arg-type]
        except DzarrError as error:
            return _unreadable(name, error)
        source = Source(node.store, node.path, layout, self._options)
        facts = array_facts(source, whole(metadata.shape), metadata, self._writable)  # type: ignore[union-attr, arg-type]
        return TreeNode(name, facts, ())

    def facts(self) -> GroupFacts:
        """Return what the reprs show, as plain data; costs a listing, where no consolidated record tells it."""
        arrays = groups = 0
        for _, node in self._nodes():
            if isinstance(node, Node):
                is_array = isinstance(node.metadata, ArrayMetadata)
                arrays, groups = arrays + is_array, groups + (not is_array)
        return GroupFacts(self.path, self.url, self.zarr_format, arrays, groups, len(self.attrs), self._writable)

    def __repr__(self) -> str:
        return group_text(self.facts())

    def _repr_html_(self) -> str:
        return group_html(self.facts())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and (other.url, other.path) == (self.url, self.path)

    def __hash__(self) -> int:
        return hash((self.url, self.path))


def _unreadable(name: str, error: DzarrError) -> TreeNode:
    return TreeNode(f"{name} (unreadable: {error.message})", None, ())


def _revive(
    store: Store,
    path: str,
    zarr_format: Literal[2, 3],
    options: Options,
    writable: bool,
    consolidated: Any,
    home: str,
    home_format: Literal[2, 3],
) -> Group:
    group = Group(
        Node(store, path, GroupMetadata(zarr_format), None), options, writable=writable, consolidated=consolidated
    )
    group._unread, group._home, group._home_format = True, home, home_format
    return group
