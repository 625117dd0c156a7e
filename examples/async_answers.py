"""Several streamed answers at once, each within its own limits, all within one deadline.

Needs reliai[openai,demo], installed from its repository: `python async_answers.py`
"""

import asyncio
from collections.abc import AsyncIterator

from openai import AsyncOpenAI

import reliai
from docs_answers import QUESTIONS
from local_models import serve
from reliai.testing import Latency, Stall, Status

client = AsyncOpenAI(api_key="no key", base_url="http://127.0.0.1/v1", max_retries=0)


@reliai.reliable(
    reliai.Timeout(5),
    reliai.Fallback("Nobody can tell just now."),
    reliai.Retry(3),
    reliai.Timeout(first_chunk=0.5, idle=0.5),  # a task that is late is cancelled
)
async def answer(question: str) -> AsyncIterator[str]:
    stream = await client.chat.completions.create(
        model="python-docs",
        messages=[{"role": "user", "content": question}],
        stream=True,
    )
    async for event in stream:
        for choice in event.choices:
            if choice.delta.content:
                yield choice.delta.content


async def read(question: str) -> str:
    with reliai.collect() as calls:
        text = "".join([chunk async for chunk in answer(question)])
    call = calls[0]
    return f"{question}\n  {text[:70]} …\n  {call.status}, {len(call.attempts)} attempts"


async def main() -> None:
    trouble = [None, Status(503), Stall(30), Latency(0.2), Status(401)]
    with serve(script=trouble) as server, reliai.deadline(4):
        client.base_url = server.url + "/v1"
        for told in await asyncio.gather(*map(read, QUESTIONS[:4])):
            print(told)
        await client.close()


asyncio.run(main())
