from time import perf_counter_ns

from perflab.systems.machine.computing import compute, steps_per_ms


def test_more_steps_take_longer() -> None:
    def best(steps: int) -> int:
        times = []
        for _ in range(7):
            started = perf_counter_ns()
            compute(steps)
            times.append(perf_counter_ns() - started)
        return min(times)

    assert best(40_000) > 2 * best(10_000)


def test_a_millisecond_holds_many_steps() -> None:
    assert steps_per_ms() > 100


def test_the_result_depends_on_all_steps() -> None:
    assert len({compute(steps) for steps in range(100)}) == 100
