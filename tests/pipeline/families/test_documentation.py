from pydantic import Field, create_model

from recipeline import Loss
from recipeline.families.documentation import setting_docs


class Fine(Loss, name="fine"):
    """A loss."""

    power: int = 2
    """The exponent,
    in two lines."""
    bare: int = 1
    described: int = Field(default=1, description="Said in the field.")
    """Not this."""

    def build(self, target):
        """Not a setting."""
        raise NotImplementedError


def test_the_string_beneath_a_setting_documents_it():
    assert setting_docs(Fine) == {"power": "The exponent,\nin two lines.", "described": "Said in the field."}
    assert Fine.setting_docs() == setting_docs(Fine)


def test_settings_of_the_family_are_documented_there():
    from recipeline_plugins.optimizer.adamw import AdamW

    assert set(setting_docs(AdamW)) == set(AdamW.model_fields)


def test_a_class_without_source_has_what_its_fields_say():
    made = create_model("Made", a=(int, Field(default=1, description="A.")), b=(int, 2))
    assert setting_docs(made) == {"a": "A."}
