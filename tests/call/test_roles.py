from tonewatch.call.roles import Role, scored


def test_the_call_taker_is_never_scored() -> None:
    assert {role for role in Role if scored(role)} == {Role.CALLER, Role.MIXED}
