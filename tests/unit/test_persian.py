"""Jalali days as another library reckons them."""

from datetime import date, timedelta

import jdatetime
from persiantools.digits import fa_to_en

from shared import persian


def test_every_day_of_1300_to_1500_is_as_jdatetime_has_it() -> None:
    on, end = date(1921, 3, 21), date(2122, 3, 20)
    assert jdatetime.date.fromgregorian(date=on) == jdatetime.date(1300, 1, 1)
    assert jdatetime.date.fromgregorian(date=end) == jdatetime.date(1500, 12, 29)
    while on <= end:
        right = jdatetime.date.fromgregorian(date=on, locale="fa_IR")
        assert fa_to_en(persian.day(on)) == f"{right.day} {right.strftime('%B')} {right.year}"
        # Days are spelled with and without the joiner; both are right.
        joined = right.strftime("%A").replace("\u200c", "")
        assert persian.weekday(on).replace("\u200c", "") == joined
        on += timedelta(days=1)


def test_words_sort_as_in_a_dictionary() -> None:
    right = ["آب", "اراک", "بهار", "پارس", "تهران", "چین", "ژاله", "کاوه", "كيش", "گیتی", "لار",
             "می‌هن", "نور", "ورامین", "همدان", "یزد"]  # fmt: skip
    assert sorted(set(right), key=persian.sorting) == right
    assert persian.sorting("Acme 12") == "Acme 12"
