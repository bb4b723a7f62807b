import pytest

from recipeline.recipe.schema_words import kind, span

# (schema, its kind, its span)
SAID = [
    ({"type": "integer", "minimum": 1}, "whole number", "≥ 1"),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "number", "> 0, < 1"),
    ({"type": "string", "minLength": 1, "maxLength": 1}, "text", "1 character"),
    ({"type": "string", "minLength": 1}, "text", "≥ 1 character"),
    ({"enum": ["a", "b"]}, "a, b", ""),
    ({"enum": [".", ",", None]}, '".", ",", null', ""),
    ({"type": "array", "items": {"type": "string"}}, "list of texts", ""),
    ({"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
     "list of whole numbers", "2 entries, each ≥ 1"),
    ({"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 8}, "list of numbers", "1 to 8 entries"),
    ({"type": "array", "maxItems": 3}, "list", "≤ 3 entries"),
    ({"type": "object", "additionalProperties": {"type": "number"}}, "mapping to numbers", ""),
    ({"type": "object", "properties": {"pattern": {}, "lr": {}}}, "mapping of pattern, lr", ""),
    ({"anyOf": [{"type": "number", "minimum": 0}, {"const": "auto"}, {"type": "null"}]},
     "number or auto or null", "≥ 0"),
    ({"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Group"}}]}, "list of mapping of name", ""),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected_kind", "expected_span"), SAID)
def test_a_schema_in_a_few_words(schema, expected_kind, expected_span):
    definitions = {"Group": {"type": "object", "properties": {"name": {}}}}
    assert kind(schema, definitions) == expected_kind
    assert span(schema, definitions) == expected_span
