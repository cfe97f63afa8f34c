"""Chat templates as Hugging Face transformers renders them: jinja2 in its sandbox, with the same options."""

import json

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import nodes


class _Generation(jinja2.ext.Extension):
    """{% generation %}: transformers records where it is; what it renders is what is in it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def _tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols])
    made.filters["tojson"] = _tojson
    made.globals["raise_exception"] = _raise_exception
    return made


def render(template, context):
    """The text, or None where it fails: `template` is of environment().from_string()."""
    try:
        return template.render(**context)
    except Exception:  # Whatever it is, a template can only fail.
        return None
