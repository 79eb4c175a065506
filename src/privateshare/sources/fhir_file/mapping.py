"""The object type of each FHIR resource type."""

from collections.abc import Mapping

from privateshare.protocol.catalogue import ObjectType

SCHEMA_VERSION = "4.0.1"

_OTHER_NAMES = {ObjectType.FHIR_MEDICATION: "Medication", ObjectType.FHIR_MEDIA: "Media"}


def _resource_type(object_type: ObjectType) -> str:
    return _OTHER_NAMES.get(object_type) or "".join(word.capitalize() for word in object_type.name.split("_"))


OBJECT_TYPES: Mapping[str, ObjectType] = {
    _resource_type(entry): entry for entry in ObjectType if 127 <= entry <= 138 or entry >= 9101
}
"""The object types of all FHIR R4 resource types that a record can contain."""

DEFINITIONS = frozenset(
    {"ActivityDefinition", "CapabilityStatement", "CatalogEntry", "ChargeItemDefinition", "CodeSystem"}
    | {"CompartmentDefinition", "ConceptMap", "EffectEvidenceSynthesis", "EventDefinition", "Evidence"}
    | {"EvidenceVariable", "ExampleScenario", "GraphDefinition", "ImplementationGuide", "Library", "Measure"}
    | {"MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication"}
    | {"MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction"}
    | {"MedicinalProductManufactured", "MedicinalProductPackaged", "MedicinalProductPharmaceutical"}
    | {"MedicinalProductUndesirableEffect", "MessageDefinition", "MessageHeader", "NamingSystem"}
    | {"ObservationDefinition", "OperationDefinition", "OperationOutcome", "PlanDefinition", "ResearchDefinition"}
    | {"ResearchElementDefinition", "RiskEvidenceSynthesis", "SearchParameter", "SpecimenDefinition"}
    | {"StructureDefinition", "StructureMap", "Subscription", "SubstanceNucleicAcid", "SubstancePolymer"}
    | {"SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification"}
    | {"TerminologyCapabilities", "TestReport", "TestScript", "ValueSet"}
)
"""The resource types of R4 that contain no data about a person. They have no object type."""
