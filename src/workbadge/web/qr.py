"""QR codes as pictures that a page carries within itself."""

import segno


def qr_image(text: str) -> str:
    """The address (``data:``) of a picture of ``text`` as a QR code, black on white in every theme."""
    address: str = segno.make(text, error="m", micro=False).svg_data_uri(
        scale=4, border=4, light="#ffffff", dark="#000000"
    )
    return address
