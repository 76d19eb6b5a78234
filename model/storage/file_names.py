"""Names of files and folders that any system can hold."""


def file_name(text: str, most_bytes: int = 120) -> str:
    """A text as the name of a file or folder on any system; never empty, hidden or too long.

    Example:
        >>> file_name("Ardea alba/x"), file_name("..")
        ('Ardea alba_x', '__')
    """
    name = "".join(c if c.isprintable() and c not in '<>:"/\\|?*' else "_" for c in text.strip())
    name = name.encode()[:most_bytes].decode(errors="ignore").rstrip(" ")
    name = name.rstrip(".") + "_" * (len(name) - len(name.rstrip(".")))
    return "_" + name[1:] if name[:1] in ("", ".") else name
