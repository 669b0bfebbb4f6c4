"""asyncpg: always prepared, always binary. It asks the catalogue for what an array of bigint is, by a recursive
query in a recursive query; the table that it previews here has none."""

import asyncio
import io

import asyncpg

from common import COUNT, ENDLESS, LARGE, NO_COLUMN, TABLES, WRITE, state_of, tell

results = {"client": f"asyncpg {asyncpg.__version__}"}


async def failure(work):
    try:
        await work
    except Exception as error:
        return state_of(error)
    return "no error"


async def main():
    async with asyncpg.create_pool(min_size=1, max_size=2) as pool:
        async with pool.acquire() as connection:
            results["tables"] = sorted(row["table_name"] for row in await connection.fetch(TABLES))
            preview = await connection.fetch("select * from sys_journal limit 5")
            results["preview"] = [len(preview), len(preview[0])]
            results["completed"] = await connection.fetchval(COUNT.format("$1"), "completed")
            results["any"] = await connection.fetchval(COUNT.format("any($1)"), ["completed"])
            async with connection.transaction():
                results["large"] = sum([1 async for _ in connection.cursor(LARGE, prefetch=1000)])
            file = io.BytesIO()
            await connection.copy_from_query(LARGE, output=file, format="csv", header=True)
            results["copied"] = file.getvalue().count(b"\n") - 1
            results["error"] = await failure(connection.fetch(NO_COLUMN))
            results["write"] = await failure(connection.execute(WRITE))
            results["described"] = [a.type.name for a in (await connection.prepare(LARGE)).get_attributes()]
            try:
                await asyncio.wait_for(connection.fetchval(ENDLESS), 0.5)
            except asyncio.TimeoutError:
                # It sent a CancelRequest, and waits for what comes of it before the next statement.
                results["cancel"] = "57014" if await connection.fetchval("select 1") == 1 else "?"
        # What a pool sends when a connection comes back.
        async with pool.acquire() as connection:
            results["pooled"] = await connection.fetchval("select 1")


asyncio.run(main())
tell(results)
