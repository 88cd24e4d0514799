// Standard-json in, standard-json out, with the npm build of solc.
const fs = require("node:fs");
const solc = require("solc");

if (process.argv.includes("--version")) {
  // forge parses this line and knows the native platform names only.
  console.log(`Version: ${solc.version().replace(".Emscripten.clang", ".Linux.g++")}`);
} else {
  const readSource = (path) => {
    try {
      return { contents: fs.readFileSync(path, "utf8") };
    } catch (error) {
      return { error: error.message };
    }
  };
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: readSource }));
}
