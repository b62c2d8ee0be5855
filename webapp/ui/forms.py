"""How forms look: one template for every field, so that help, units and errors stand in the same place everywhere."""

from django.forms.renderers import TemplatesSetting


class FieldRenderer(TemplatesSetting):
    form_template_name = "ui/forms/form.html"
    field_template_name = "ui/forms/field.html"
