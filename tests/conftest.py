"""What all tests share: runtime type checks over every first-party package."""

from beartype import BeartypeConf
from beartype.claw import beartype_packages

beartype_packages(
    (
        "sotopia_core",
        "sotopia_agents",
        "sotopia_evaluators",
        "sotopia_models",
        "sotopia_orderings",
        "sotopia_packs",
        "sotopia_samplers",
        "sotopia_storage",
        "sotopia_testing",
    ),
    conf=BeartypeConf(claw_is_pep526=False),
)
