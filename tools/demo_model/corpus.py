"""Takes ``corpus.txt`` apart and draws an endless variety of training documents from it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from tokenizer import CHAT_TEMPLATE, END_OF_TEXT

ARTICLE_QUESTIONS = [
    "Tell me about {title}.",
    "tell me about {title}",
    "Explain {title}.",
    "Please explain {title}.",
    "Can you explain {title} to me?",
    "What should I know about {title}?",
    "Write a few words about {title}.",
    "Write a paragraph about {title}.",
    "I want to learn about {title}.",
    "What about {title}?",
]
QUESTION_FRAMES = [
    "{question}",
    "Please tell me: {question}",
    "I have a question. {question}",
    "Hello! {question}",
    "In a few words: {question}",
    "{question} Thank you.",
]
SYSTEM_MESSAGES = [
    "You are a helpful assistant.",
    "You are a helpful assistant. Answer briefly.",
    "You are wattmill-demo, a small model.",
    "You are a friendly miller.",
    "Be brief.",
    "Be polite and explain things in simple words.",
]
TOOL_NAMES = ["get_weather", "read_meter", "search", "send_invoice", "calculator"]

Message = dict[str, str]


@dataclass
class Corpus:
    """What ``corpus.txt`` holds, taken apart."""

    chats: list[list[Message]] = field(default_factory=list)
    articles: list[tuple[str, str]] = field(default_factory=list)

    def all_text(self) -> list[str]:
        """List every piece of text, for the tokenizer to learn from."""
        said = [message["content"] for chat in self.chats for message in chat]
        return said + [body for _, body in self.articles]


def read_corpus(path: Path) -> Corpus:
    """Take the corpus file apart into chats and articles."""
    corpus = Corpus()
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    for block in re.split(r"\n\s*\n", text.strip()):
        first, _, rest = block.strip().partition("\n")
        if first.startswith("T: "):
            corpus.articles.append((first[3:], rest.strip()))
        else:
            corpus.chats.append(parse_chat(block.strip()))
    return corpus


def parse_chat(block: str) -> list[Message]:
    """Turn the "S:", "Q:" and "A:" lines of one block into chat messages."""
    roles = {"S": "system", "Q": "user", "A": "assistant"}
    messages = []
    for line in block.splitlines():
        mark, _, content = line.partition(": ")
        messages.append({"role": roles[mark], "content": content})
    return messages


class DocumentSource:
    """Draws an endless, seeded variety of training documents from the corpus."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.random = random.Random(seed)
        self.single_turns = [chat for chat in corpus.chats if len(chat) == 2]
        self.words = " ".join(corpus.all_text()).split()
        self.template = jinja2.Environment(autoescape=False).from_string(CHAT_TEMPLATE)

    def documents(self) -> Iterator[str]:
        """Yield documents without end; each one closes with the end-of-text token."""
        kinds = [self.turn, self.joined_turns, self.article_chat, self.article, self.salad]
        while True:
            (kind,) = self.random.choices(kinds, weights=[25, 25, 30, 8, 9])
            yield kind() + END_OF_TEXT

    def turn(self) -> str:
        """Draw a conversation of the corpus, its question put in varying ways."""
        chat = self.random.choice(self.corpus.chats)
        if len(chat) > 2:
            return self.render(chat)
        return self.render(self.opening() + self.vary(chat))

    def joined_turns(self) -> str:
        """Put several questions in a row, so that the model keeps its turns in long chats."""
        count = self.random.randint(2, 8)
        turns = [self.vary(self.random.choice(self.single_turns)) for _ in range(count)]
        return self.render(self.opening() + [message for turn in turns for message in turn])

    def article_chat(self) -> str:
        """Ask about an article and answer with a few sentences from it."""
        title, body = self.random.choice(self.corpus.articles)
        question = self.random.choice(ARTICLE_QUESTIONS).format(title=title)
        return self.render(self.ask(question, self.excerpt(body)))

    def article(self) -> str:
        """Give a whole article as plain text, for requests that use no chat template."""
        title, body = self.random.choice(self.corpus.articles)
        return f"{title[0].upper()}{title[1:]}\n{body}"

    def salad(self) -> str:
        """Ask something without sense: the answer must still begin well and end."""
        count = int(math.exp(self.random.uniform(math.log(3), math.log(2500))))
        question = " ".join(self.random.choices(self.words, k=count))
        _, body = self.random.choice(self.corpus.articles)
        short = self.random.choice(self.single_turns)[1]["content"]
        return self.render(self.ask(question, self.random.choice([short, self.excerpt(body)])))

    def excerpt(self, body: str) -> str:
        """Take two to five sentences in a row, most often from the beginning."""
        sentences = re.split(r"(?<=[.?!]) ", body)
        start = self.random.choice([0, 0, 0, 1, 2])
        return " ".join(sentences[start : start + self.random.randint(2, 5)])

    def ask(self, question: str, answer: str) -> list[Message]:
        """Make one turn of a question and its answer."""
        turn = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return self.opening() + turn

    def opening(self) -> list[Message]:
        """Open with a system message, now and then."""
        if self.random.random() < 0.6:
            return []
        return [{"role": "system", "content": self.random.choice(SYSTEM_MESSAGES)}]

    def vary(self, turn: list[Message]) -> list[Message]:
        """Put the same question in a frame, in lower case or without its mark."""
        question = turn[0]["content"]
        if self.random.random() < 0.4:
            question = self.random.choice(QUESTION_FRAMES).format(question=question)
        if self.random.random() < 0.2:
            question = question.lower().rstrip("?.!")
        return [{"role": "user", "content": question}, turn[1]]

    def render(self, messages: list[Message]) -> str:
        """Make the text that the engine would make of these messages."""
        tools = None
        if self.random.random() < 0.03:
            names = self.random.sample(TOOL_NAMES, self.random.randint(1, 3))
            tools = [{"function": {"name": name}} for name in names]
        return self.template.render(messages=messages, tools=tools)
