#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
wget -q -O - http://greeter:8080/
echo "served by $(hostname), pid $$"
