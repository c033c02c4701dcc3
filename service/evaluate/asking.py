"""Asks every variant of every row: rows in order, each model with its own workers, samples and changed prompts too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from service.errors import TuneGateError
from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.asker import Progress, Reply, Unanswered
from service.evaluate.budget import OutOfBudget
from service.evaluate.judging import judge_prompt, score_of
from service.evaluate.line import Line, NotAsked
from service.evaluate.perturbed import changed, changes_for
from service.evaluate.prompts import Prompt, messages_for, node_messages, question_of
from service.evaluate.retrievers import Retriever
from service.evaluate.variants import Variant

# (variant id, model id) -> its answers
Answers = dict[tuple[str, str], list[Answer]]


class Asked(msgspec.Struct, frozen=True):
    """What came back; `complete` is false where rows were left unasked."""

    answers: Answers
    complete: bool
    out_of_budget: bool


class Asking:
    """One evaluation's questions."""

    def __init__(
        self,
        rows: Sequence[EvaluationRow],
        variants: Sequence[Variant],
        *,
        retrievers: Mapping[str, Retriever],
        seed: int,
        judge: Line | None = None,
        report: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """`retrievers` find the passages of a variant, by its id."""
        self._rows, self._variants, self._retrievers, self._seed = rows, variants, retrievers, seed
        self._report, self._judge = report, judge
        self._out_of_budget = False
        self._done = self._failed = self._total = 0
        self._answers: Answers = {}

    async def ask(self, lines: Sequence[Line]) -> Asked:
        """Ask all of it; nothing that one row fails of ends the others."""
        work = {id(line): list(self._work(line)) for line in lines}
        self._total = sum(map(len, work.values()))
        for line in lines:
            self._answers |= {(variant.id, line.model.id): [] for variant in self._of(line)}
        try:
            async with asyncio.TaskGroup() as group:
                for line in lines:
                    queue = iter(work[id(line)])
                    for _ in range(min(line.workers, len(work[id(line)]))):
                        group.create_task(self._worker(line, queue))
        except* TuneGateError as errors:
            raise first_of(errors) from errors
        for found in self._answers.values():
            found.sort(key=lambda answer: answer.line)
        return Asked(self._answers, self._done == self._total, self._out_of_budget)

    def _of(self, line: Line) -> list[Variant]:
        return [one for one in self._variants if not one.models or line.model.id in one.models]

    def _work(self, line: Line) -> Iterator[tuple[EvaluationRow, Variant]]:
        """Rows first, so that what a budget leaves is of the same rows for all variants."""
        return ((row, variant) for row in self._rows for variant in self._of(line))

    async def _worker(self, line: Line, work: Iterator[tuple[EvaluationRow, Variant]]) -> None:
        for row, variant in work:
            try:
                answer = await self._answer(line, variant, row)
            except NotAsked:
                return
            except OutOfBudget:
                self._out_of_budget = True
                return
            self._answers[variant.id, line.model.id].append(answer)
            self._done += 1
            self._failed += answer.error is not None
            self._report(Progress(self._done, self._total, self._failed))

    async def _answer(self, line: Line, variant: Variant, row: EvaluationRow) -> Answer:
        made = Answer(line=row.line)
        try:
            if variant.retrieval is not None:
                retriever, count = self._retrievers[variant.id], variant.retrieval.top_k
                made = Answer(line=row.line, retrieved=await retriever.texts(question_of(row.messages), count))
            made = await self._main(line, variant, row, made)
        except Unanswered as error:
            return msgspec.structs.replace(made, error=error.code)
        samples = [
            await self._further(line, variant, row, made, sample=n, temperature=variant.sample_temperature)
            for n in range(1, variant.samples + 1)
        ]
        # a flow's nodes are shown no examples
        examples = [] if variant.nodes else variant.examples
        names = changes_for(row.messages, examples, variant.perturbations, seed=self._seed)
        reworded = [await self._further(line, variant, row, made, change=name) for name in names]
        return msgspec.structs.replace(
            made,
            samples=[text for text in samples if text is not None],
            perturbed=[text for text in reworded if text is not None],
            judged=await self._judged(row, made),
        )

    async def _judged(self, row: EvaluationRow, made: Answer) -> float | None:
        """The judge's score; None without a judge, without a text, or where it gives none."""
        if self._judge is None or not made.text:
            return None
        try:
            return score_of((await self._judge.ask(judge_prompt(row, made.text))).text)
        except (Unanswered, NotAsked):
            return None

    async def _main(self, line: Line, variant: Variant, row: EvaluationRow, made: Answer) -> Answer:
        """The answer itself; a flow's tokens and seconds are those of all its nodes."""
        replies, nodes = await self._replies(line, variant, row, made.retrieved)
        tokens = [[reply.tokens_in for reply in replies], [reply.tokens_out for reply in replies]]
        seconds = [reply.seconds for reply in replies if reply.seconds is not None]
        return msgspec.structs.replace(
            made,
            text=replies[-1].text,
            calls=replies[-1].calls,
            nodes=nodes,
            tokens_in=_sum(tokens[0]),
            tokens_out=_sum(tokens[1]),
            seconds=round(sum(seconds), 6) if len(seconds) == len(replies) else None,
        )

    async def _replies(
        self,
        line: Line,
        variant: Variant,
        row: EvaluationRow,
        passages: Sequence[str],
        *,
        sample: int = 0,
        temperature: float | None = None,
        change: str | None = None,
    ) -> tuple[list[Reply], dict[str, str]]:
        """(the replies of all requests of a row in their order, a flow's texts by node)."""
        messages, examples = list(row.messages), list(variant.examples)
        if change is not None:
            messages, examples = changed(change, messages, examples, seed=self._seed)
        at = variant.temperature if temperature is None else temperature
        limit = variant.max_new_tokens
        if not variant.nodes:
            asked = messages_for(variant, messages, passages=passages, examples=examples)
            prompt = Prompt(messages=asked, tools=row.tools, temperature=at, max_new_tokens=limit, sample=sample)
            return [await line.ask(prompt)], {}
        replies, texts = [], dict[str, str]()
        for node in variant.nodes:
            asked = node_messages(node, question_of(messages), texts, passages=passages)
            prompt = Prompt(messages=asked, temperature=at, max_new_tokens=limit, sample=sample)
            replies.append(await line.ask(prompt))
            texts[node.id] = replies[-1].text or ""
        return replies, texts

    async def _further(
        self,
        line: Line,
        variant: Variant,
        row: EvaluationRow,
        made: Answer,
        *,
        sample: int = 0,
        temperature: float | None = None,
        change: str | None = None,
    ) -> str | None:
        """The text of one more answer; None where this one was not answered."""
        try:
            replies, _ = await self._replies(
                line, variant, row, made.retrieved, sample=sample, temperature=temperature, change=change
            )
        except Unanswered:
            return None
        return replies[-1].text


def first_of(errors: BaseExceptionGroup[TuneGateError]) -> TuneGateError:
    """One of several problems that are the same one, a full disk for example."""
    found = errors.exceptions[0]
    return found if isinstance(found, TuneGateError) else first_of(found)


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [one for one in numbers if one is not None]
    return sum(known) if len(known) == len(numbers) else None
