"""Errors a person can act on: each message names the thing, the value found and the rule it broke."""


class TrainError(Exception):
    """Base of every error this folder raises on purpose; scripts print it without a traceback and exit 2."""


class DatasetError(TrainError):
    """The exported dataset is missing, incomplete, or not of the schema the protocol was written for."""


class ProtocolError(TrainError):
    """protocol.toml lacks a field or holds a value outside its rule."""


class FitError(TrainError):
    """Training produced something unusable, such as a loss that is not finite."""


class ExportError(TrainError):
    """The exported graph does not say what the trained network says."""
