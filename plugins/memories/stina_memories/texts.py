"""What a content is apart from its form: case, white space, and how its accents are written."""

from __future__ import annotations

import hashlib
import unicodedata

DIGEST_BYTES = 16


def normal(text: str) -> str:
    """Return *text* in its normal form: NFC, letters folded one by one, single spaces and none around.

    A letter that folds into several stays as it is ("ß" is no "ss"), as in the full-text
    index, which therefore has every text whose normal form contains that of another.
    """
    return " ".join(_composed(_folded(_composed(text))).split())


def digest(content: str) -> str:
    """Return what stands for the normal form of *content* in an index: 32 hexadecimal digits.

    The same in every version of Python for characters that were in Unicode 14 (2021).
    """
    form = normal(content).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(form, digest_size=DIGEST_BYTES).hexdigest()


class Wanted:
    """A text that is looked for in contents.

    Attributes:
        text: As it was given.
        form: Its normal form.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.form = normal(text)

    def is_in(self, content: str) -> bool:
        """Whether *content* contains the text; case, white space and the form of accents do not count.

        No character is a wildcard.
        """
        return self.text in content or self.form in normal(content)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    folded = text.casefold()
    if len(folded) == len(text):  # no letter becomes none, so none became several
        return folded
    return "".join(one if len(one) == 1 else letter for letter in text if (one := letter.casefold()))
