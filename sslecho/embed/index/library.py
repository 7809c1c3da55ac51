"""FAISS itself, imported when a search first needs it."""

from types import ModuleType

from sslecho.errors import MissingExtraError


def import_faiss() -> ModuleType:
    """The module `faiss`; the packages faiss-cpu and faiss-gpu both bring it.

    Raises:
        MissingExtraError: neither is installed; the message has both pip lines.
    """
    try:
        import faiss
    except ImportError:
        raise MissingExtraError(
            "FAISS is not installed, and the search for neighbors needs it; one of these, never both, brings it: "
            "pip install 'sslecho[cpu]' (any machine) or pip install 'sslecho[gpu]' (Linux with an NVIDIA GPU)"
        ) from None
    return faiss
