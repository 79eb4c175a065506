"""A file that was read."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from privateshare.errors import ConfigurationError, InvalidAnswer
from privateshare.protocol.catalogue import account_of_name, object_type_of, service_of_name
from privateshare.protocol.messages import FileMetadata
from privateshare.protocol.object_time import FHIR
from privateshare.sdk.arguments import check_kind
from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    from privateshare import objects as models
else:  # The models of all object types are many, and most apps read files as JSON.
    models = LazyModule("privateshare.objects")

Kind = TypeVar("Kind", bound="models.DataObject")


@dataclass(frozen=True, slots=True)
class File:
    """A file that was read. Its content is in `data`, or on disk at `path`.

    `size` is in bytes. `updated_date` is in milliseconds since the epoch, or None if the platform did not tell it.
    `user` is whose file it is: the key in the app's token store, or else the user id of the token.
    """

    name: str
    metadata: FileMetadata
    size: int
    updated_date: int | None = None
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None
    user: str | None = None

    @property
    def account(self) -> str:
        """The account that the file is from, such as `18_5_19_1`, or "" if the file does not tell.

        For a pushed file, it is the first account that the app gave with it. An account is one user's: those of two
        users may have the same name.
        """
        if self.metadata.accounts:
            return self.metadata.accounts[0].accountid
        return account_of_name(self.name)

    @property
    def source(self) -> str | None:
        """The service that the file is from, such as `spotify`, or None if the file does not tell."""
        return self.metadata.service_name or service_of_name(self.name)

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            OSError: The file on disk cannot be read any more.
        """
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def json(self) -> Any:
        """Parse the content as JSON. A mapped file holds a list of objects.

        Raises:
            InvalidAnswer: The content is not JSON.
            OSError: The file on disk cannot be read any more.
        """
        try:
            return json.loads(self.read_bytes())
        except (ValueError, RecursionError) as error:
            raise InvalidAnswer(f"{self.name} does not hold JSON") from error

    @overload
    def objects(self) -> "list[models.DataObject]": ...

    @overload
    def objects(self, kind: type[Kind]) -> list[Kind]: ...

    def objects(self, kind: "type[models.DataObject] | None" = None) -> "list[Any]":
        """Parse the content of a mapped file as typed objects of `privateshare.objects`.

        Args:
            kind: A class such as `PlayHistory`. If it is given, objects of other types are left out.

        Returns:
            The objects. FHIR resources, and objects of a type that has no model, are `OtherObject`.

        Raises:
            InvalidAnswer: The content is not a list of objects. It may be a pushed file.
            ConfigurationError: `kind` is not a class.
            OSError: The file on disk cannot be read any more.
        """
        if kind is not None:
            check_kind("kind", kind, type, "a class of privateshare.objects, such as PlayHistory")
        number = object_type_of(self.metadata.object_type, self.name)
        model = models.model_of(number)
        # A file of another type need not be parsed.
        if kind is not None and kind is not models.OtherObject and not issubclass(model, kind):
            return []
        content = self.json()
        model = models.OtherObject if self._is_fhir(content) else model
        if kind is not None and not issubclass(model, kind):
            return []
        if not isinstance(content, list):
            raise InvalidAnswer(
                f"{self.name} does not hold a list of objects", hint="It may be a pushed file: read it with json()"
            )
        return models.parsed_objects(model, content)

    def fhir(self) -> list[Any]:
        """Parse the content of a file of FHIR resources as models of `fhir.resources`, version R4B.

        Raises:
            ConfigurationError: The extra `privateshare[fhir]` is not installed.
            InvalidAnswer: The content is not a list of FHIR resources.
            OSError: The file on disk cannot be read any more.
        """
        try:
            from fhir.resources.R4B import get_fhir_model_class
        except ModuleNotFoundError as error:
            hint = "Install it: pip install 'privateshare[fhir]'"
            raise ConfigurationError("FHIR models need the package fhir.resources", hint=hint) from error
        try:
            return [get_fhir_model_class(thing["resourceType"]).model_validate(thing) for thing in self.json()]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer(f"{self.name} does not hold FHIR resources") from error

    def _is_fhir(self, content: Any) -> bool:
        if self.metadata.schema_ is not None:
            return self.metadata.schema_.standard == FHIR
        # The metadata of files that an older version read into a folder is lost.
        return isinstance(content, list) and any(
            isinstance(thing, dict) and "resourceType" in thing for thing in content
        )
