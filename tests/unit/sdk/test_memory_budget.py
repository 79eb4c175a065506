"""Tests of how many bytes of files are in memory at a time while an app reads many."""

from hypothesis import given
from hypothesis import strategies as st

from privateshare.sdk.reading.memory_budget import MemoryBudget


def test_the_second_file_waits_for_the_size_of_the_first() -> None:
    """Nobody knows how large files are before the first response begins."""
    budget = MemoryBudget(100)
    assert budget.has_space()
    budget.begin("a")
    assert not budget.has_space()
    budget.learn_size("a", 10)
    assert budget.has_space()


def test_a_first_file_that_is_late_does_not_hold_up_all_others() -> None:
    """After a second the others are begun too."""
    now = 0.0
    budget = MemoryBudget(100, lambda: now)
    budget.begin("a")
    assert not budget.has_space()
    now = 2.0
    assert budget.has_space()


def test_files_that_wait_for_the_app_count() -> None:
    """A file that was read is in memory until the app takes it."""
    budget = MemoryBudget(100)
    budget.begin("a")
    budget.learn_size("a", 60)
    assert not budget.has_space()
    budget.free("a")
    assert budget.has_space()


def test_a_file_that_is_larger_than_the_limit_is_read_alone() -> None:
    """Otherwise it would never be read."""
    budget = MemoryBudget(100)
    budget.begin("a")
    budget.learn_size("a", 1000)
    assert not budget.has_space()
    budget.free("a")
    assert budget.has_space()


def test_one_large_file_does_not_slow_down_many_small_ones_for_long() -> None:
    """Only the last files say how large the next may be."""
    budget = MemoryBudget(100)
    budget.begin("large")
    budget.learn_size("large", 90)
    budget.free("large")
    for number in range(16):
        budget.begin(f"{number}")
        budget.learn_size(f"{number}", 1)
    for number in range(16, 40):
        assert budget.has_space()
        budget.begin(f"{number}")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["begin", "learn", "free"]), st.integers(0, 99))))
def test_it_has_space_again_once_nothing_is_in_memory(steps: list[tuple[str, str, int]]) -> None:
    """Whatever happens to files, such as a retry or a response after the end, no bytes stay counted."""
    budget = MemoryBudget(100)
    for name, step, size in steps:
        if step == "begin":
            budget.begin(name)
        elif step == "learn":
            budget.learn_size(name, size)
        else:
            budget.free(name)
    for name in "abcde":
        budget.free(name)
    assert budget.has_space()
    assert budget._total == 0
