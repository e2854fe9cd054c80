// Judges [question, answer] pairs from standard input with the book's own module.
import { readFileSync } from "node:fs";

const { judge } = await import(process.argv[2]);
const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(asked.map(({ question, given }) => judge(question, given))));
