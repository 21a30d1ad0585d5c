from tonewatch.service.auth.passwords import hash_password, is_password


def test_password_fits_its_hash_alone() -> None:
    hashed = hash_password("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert hashed != hash_password("correct horse battery")
    assert is_password("correct horse battery", hashed)
    assert not is_password("correct horse batterz", hashed)


def test_nobody_has_no_password() -> None:
    assert not is_password("", None)
    assert not is_password("anything", None)
