"""Names of runs that people can say and remember: adjective, noun, number."""

from __future__ import annotations

import secrets

from webapp.projects.models import Project
from webapp.runs.models import Run

ADJECTIVES = """
amber bold brave brisk bright calm clear clever cool crisp daring deep eager early fair fast fine fresh gentle
glad golden grand happy hardy honest jolly keen kind light lively lucky mellow merry mild neat noble patient
plain proud quick quiet rapid ready rosy royal sage sharp silent silver simple sleek smart smooth snowy solid
spry steady still strong sturdy sunny swift tidy true vast vivid warm wild wise witty young zesty
""".split()  # noqa: SIM905  a list of words is read as words
NOUNS = """
acorn albatross antelope aspen badger beacon birch bison brook canyon cedar cliff comet condor coral crane
creek dolphin dune eagle elk ember falcon fern finch fjord fox gazelle glacier grove harbor hare hawk heron
hill ibis island jaguar juniper kestrel koala lagoon lark laurel lemur lynx maple marten meadow moose moss oak
ocean orchid oriole osprey otter owl panda peak pebble pine plover puffin quail quartz raven reef ridge river
robin salmon seal sparrow spruce stork summit swan tern thicket thistle trout valley walnut willow wolf wren
yew
""".split()  # noqa: SIM905  a list of words is read as words


def run_name(project: Project) -> str:
    """Return a name that no run of the project has: its number counts the project's runs."""
    number = Run.objects.filter(project=project).count() + 1
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{number}"
