"""What an Explorer of a notebook must keep: there and back is the same picture, fresh or not; legible; quick."""

from time import process_time

from legible import assert_legible, drawn

SLOW_S = 0.2  # a redraw that takes longer may only follow a slider that was let go


def assert_keeps_the_rules(explorer, settings):
    """Visit settings (control to value) and come back, twice; each picture must be what a new canvas would draw."""
    home = {name: explorer.controls[name].value for setting in settings for name in setting}
    seen, taken_s = {}, []
    for number, setting in [*enumerate(settings), (-1, home)] * 2:
        started = process_time()
        for name, value in (home | setting).items():
            explorer.controls[name].value = value
        taken_s.append((process_time() - started) / max(len(setting), 1))
        assert explorer.error is None, explorer.error
        picture, result = explorer._picture.value, explorer.result
        assert seen.setdefault(number, picture) == picture
        canvas = drawn(result)
        assert picture == canvas.png(result)
        assert_legible(result.figure, is_moving=bool(list(canvas.moving)))
    assert len(set(seen.values())) == len(seen)
    is_slow = sorted(taken_s)[len(taken_s) // 2] > SLOW_S
    sliders = [control for control in explorer.controls.values() if control.has_trait("continuous_update")]
    assert not (is_slow and any(slider.continuous_update for slider in sliders))
