"""A small shop: each visit is an order in PostgreSQL and a count in Redis. GET / answers both as JSON, GET /health whether both answer."""
import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import redis

DATABASE = os.environ.get("DATABASE_URL", "postgresql://shop:shop@db/shop")
cache = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://cache:6379/0"), socket_timeout=3)


def connect():
    connection = psycopg2.connect(DATABASE, connect_timeout=3)
    connection.autocommit = True
    return connection


def query(statement, *arguments):
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path == "/health":
                query("SELECT 1")
                cache.ping()
                self.answer(200, {"status": "ok"})
            elif self.path == "/":
                number = query("INSERT INTO orders DEFAULT VALUES RETURNING id")[0]
                orders = query("SELECT count(*) FROM orders")[0]
                visits = cache.incr("visits")
                client = self.headers.get("X-Forwarded-For", self.client_address[0])
                self.answer(200, {"order": number, "orders": orders, "visits": visits, "client": client})
            else:
                self.answer(404, {"error": "no such page"})
        except (psycopg2.Error, redis.RedisError) as error:
            self.answer(503, {"error": str(error).strip()})

    def answer(self, status, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        print(self.address_string(), format % arguments, flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    query("CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())")
    print("shop listens on port 8000", flush=True)
    ThreadingHTTPServer(("", 8000), Shop).serve_forever()


main()
