"""The options of `tunegate estimate` for time and money."""

from __future__ import annotations

# option -> (place in the inputs, type, metavar, help)
COST_VALUES: dict[str, tuple[str, type, str, str]] = {
    "--training-rows": ("training.rows", int, "N", "Training rows, for time and money [default: of --report]."),
    "--training-tokens": ("training.tokens", int, "N", "Tokens of one epoch, all rows [default: of --report]."),
    "--training-epochs": ("training.epochs", int, "N", "Epochs [default: 3, our trainer's]."),
    "--usage-requests-per-month": ("usage.requests_per_month", int, "N", "Requests a month, for the break-even."),
    "--usage-prompt-tokens": ("usage.prompt_tokens", int, "N", "Prompt tokens of a request today."),
    "--usage-tuned-prompt-tokens": ("usage.tuned_prompt_tokens", int, "N", "Prompt tokens once it is tuned."),
    "--usage-answer-tokens": ("usage.answer_tokens", int, "N", "Answer tokens of a request."),
    "--usage-replaces": ("usage.replaces", str, "ID", "Service of today, as in rules/service-prices.toml."),
    "--usage-prompt-usd-per-million": (
        "usage.prompt_usd_per_million",
        float,
        "USD",
        "Today's price of a million prompt tokens.",
    ),
    "--usage-answer-usd-per-million": (
        "usage.answer_usd_per_million",
        float,
        "USD",
        "Today's price of a million answer tokens.",
    ),
    "--usage-tuned-prompt-usd-per-million": (
        "usage.tuned_prompt_usd_per_million",
        float,
        "USD",
        "The same of the tuned model.",
    ),
    "--usage-tuned-answer-usd-per-million": (
        "usage.tuned_answer_usd_per_million",
        float,
        "USD",
        "The same of the tuned model.",
    ),
    "--usage-hosting-usd-per-hour": ("usage.hosting_usd_per_hour", float, "USD", "To keep the tuned model running."),
    "--usage-months": ("usage.months", int, "N", "Months that the training is spread over [default: 12]."),
}
