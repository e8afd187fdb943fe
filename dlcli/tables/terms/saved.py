"""Terms of a saved model."""

from dataclasses import replace

from dlcli.tables.columns import Schema


def read_schema(value: object) -> Schema:
    """The schema of a saved model, with its terms; raises DlcliError for what is none, or what they can't say."""
    schema = Schema.from_json(value)
    if not isinstance(value, dict) or "terms" not in value:
        return schema
    from dlcli.tables.terms.design import Design  # here, as most models have none

    return replace(schema, design=Design.from_json(value["terms"], schema.features))
