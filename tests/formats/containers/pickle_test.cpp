#include "formats/containers/pickle.h"

#include <catch_amalgamated.hpp>

#include "formats/containers/pickle_writer.h"
#include "support.h"

namespace rwkv {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr std::string_view kGlobals[] = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2"};

Result<Pickle> read(const Bytes& bytes) { return Pickle::read(bytes, kGlobals, "data.pkl"); }

// The error of the opcodes; "" where they are read.
std::string refusal(const PickleWriter& pickle, ErrorKind kind = ErrorKind::kBadFile) {
  const Result<Pickle> read_back = read(pickle.bytes());
  if (read_back) return "";
  CHECK(read_back.error().kind == kind);
  return read_back.error().message;
}

std::string_view zeros(size_t count) {
  static const std::string text(16, '\0');
  return std::string_view(text).substr(0, count);
}

TEST_CASE("pickled integers of every width are read") {
  PickleWriter writer;
  writer.raw("(K\xFFM").raw(std::string_view("\x00\x80", 2)).raw("J\xFE\xFF\xFF\xFF");
  writer.raw(std::string_view("\x8a\x00", 2))
      .raw("\x8a\x01\x80")
      .raw("\x8a\x02\xFF\x7F")
      .integer(INT64_MIN)
      .integer(INT64_MAX);
  writer.raw(std::string_view("\x8a\x09", 2)).raw(zeros(9)).raw("t.");
  const Result<Pickle> pickle = read(writer.bytes());
  REQUIRE(pickle);
  const auto values = pickle->tuple(pickle->root());
  const int64_t expected[] = {255, 32768, -2, 0, -128, 32767, INT64_MIN, INT64_MAX};
  REQUIRE(values.size() == std::size(expected) + 1);
  for (size_t i = 0; i < std::size(expected); ++i) CHECK(pickle->integer(values[i]) == expected[i]);
  CHECK_FALSE(pickle->integer(values.back()));
}

TEST_CASE("pickles of protocol 4 are read: frames, short strings, memoised globals") {
  Bytes bytes = to_bytes("\x80\x04\x95");
  put(bytes, zeros(8));
  put(bytes,
      "\x8c\x0b"
      "collections"
      "\x94\x8c\x0b"
      "OrderedDict"
      "\x94\x93\x94)R\x94(");
  put(bytes, std::string_view("\x8d\x01\0\0\0\0\0\0\0a", 10));
  put(bytes,
      "h\x01"
      "h\x02"
      "Nu.");
  const Result<Pickle> pickle = read(bytes);
  REQUIRE(pickle);
  CHECK(pickle->callee(pickle->root()) == 0u);
  std::vector<std::pair<PickleRef, PickleRef>> items;
  pickle->each_item(pickle->root(),
                    [&](PickleRef key, PickleRef value) { return items.emplace_back(key, value), true; });
  REQUIRE(items.size() == 2);
  CHECK(pickle->string(items[0].first) == "a");
  CHECK(pickle->string(items[0].second) == "OrderedDict");
  CHECK(pickle->global(items[1].first) == 0u);
}

TEST_CASE("what a pickle passes over does not disturb what it keeps") {
  PickleWriter writer;  // an OrderedDict with a list, a float, None and _metadata set by BUILD
  writer.global("collections", "OrderedDict")
      .raw(")R(")
      .string("list")
      .raw(
          "](NN\x88\x89"
          "eNa");
  writer.string("float")
      .raw("G")
      .raw(zeros(8))
      .string("kept")
      .integer(7)
      .raw("u}")
      .string("_metadata")
      .raw("Nsb.");
  const Result<Pickle> pickle = read(writer.bytes());
  REQUIRE(pickle);
  int kept = 0;
  pickle->each_item(pickle->root(), [&](PickleRef key, PickleRef value) {
    kept += pickle->string(key) == "kept" && pickle->integer(value) == 7;
    return true;
  });
  CHECK(kept == 1);
}

TEST_CASE("items set in batches are all there, and a visit ends when it is told to") {
  PickleWriter writer;
  writer.raw("}");
  for (int64_t batch = 0; batch < 5; ++batch) {
    writer.raw("(");
    for (int64_t k = 0; k < 3; ++k) writer.integer(batch * 3 + k).raw("N");
    writer.raw("u").integer(100 + batch).raw("Ns").raw("(u");
  }
  const Result<Pickle> pickle = read(writer.raw(".").bytes());
  REQUIRE(pickle);
  int count = 0;
  int64_t sum = 0;
  pickle->each_item(pickle->root(),
                    [&](PickleRef key, PickleRef) { return ++count, sum += *pickle->integer(key), true; });
  CHECK(count == 20);
  CHECK(sum == 14 * 15 / 2 + 510);
  pickle->each_item(pickle->root(), [&](PickleRef, PickleRef) { return --count > 13; });
  CHECK(count == 13);
}

// What the pickle says its root is, where that is none of kGlobals.
std::string foreign(const PickleWriter& pickle) {
  const Result<Pickle> read_back = read(pickle.bytes());
  return read_back ? read_back->foreign(read_back->root()) : read_back.error().message;
}

TEST_CASE("names that the reader does not know are told, however they are spelled, and nothing is called") {
  CHECK(foreign(PickleWriter().global("os", "system").string("rm -rf /").raw("\x85R.")) == "os.system");
  CHECK(foreign(PickleWriter().string("os").string("system").raw("\x93.")) == "os.system");
  for (const auto& [module, name] : {std::pair<const char*, const char*>{"builtins", "eval"},
                                     {"collections", "OrderedDic"},
                                     {"collections", "OrderedDictx"},
                                     {"collections.OrderedDict", ""},
                                     {"", "collections.OrderedDict"},
                                     {"collectionsx", "rderedDict"},
                                     {"", ""},
                                     {"torch", "_utils"}}) {
    const std::string told = std::string(module) + "." + name;
    INFO(told);
    CHECK(foreign(PickleWriter().global(module, name).raw(".")) == told);
    CHECK(foreign(PickleWriter().global(module, name).raw(")\x81}b.")) == told);
  }
  CHECK(foreign(PickleWriter().global("os\x07", std::string(1000, 'x')).raw(".")).size() < 200);
  CHECK(foreign(PickleWriter().global("collections", "OrderedDict").raw(")R.")).empty());
}

TEST_CASE("an object of an unknown class has what it was given as items") {
  const auto item = [](PickleWriter& writer) -> PickleWriter& { return writer.string("a").integer(7); };
  PickleWriter attributes, arguments, items, twice;
  item(attributes.global("argparse", "Namespace").raw(")\x81}")).raw("sb.");
  item(arguments.global("argparse", "Namespace").raw(")}\x92}")).raw("sb.");
  item(items.global("collections", "defaultdict").raw(")R")).raw("s.");
  item(twice.global("collections", "defaultdict").raw(")R(")).raw("u}NNsb.");
  for (const PickleWriter* writer : {&attributes, &arguments, &items, &twice}) {
    const Result<Pickle> pickle = read(writer->bytes());
    REQUIRE(pickle);
    int found = 0;
    pickle->each_item(pickle->root(), [&](PickleRef key, PickleRef value) {
      return found += pickle->string(key) == "a" && pickle->integer(value) == 7, true;
    });
    CHECK(found == 1);
  }
}

TEST_CASE("whatever protocols 2 to 5 write beside tensors is passed over") {
  using namespace std::string_view_literals;
  for (const std::string_view value : {"C\2ab"sv,
                                       "B\2\0\0\0ab"sv,
                                       "\x8e\2\0\0\0\0\0\0\0ab"sv,
                                       "\x96\2\0\0\0\0\0\0\0ab"sv,
                                       "U\2ab"sv,
                                       "T\2\0\0\0ab"sv,
                                       "\x8b\2\0\0\0ab"sv,
                                       "\x8f"sv,
                                       "\x8f(NN\x90"sv,
                                       "(NN\x91"sv,
                                       "\x82\7"sv,
                                       "\x83\7\0"sv,
                                       "\x84\7\0\0\0"sv,
                                       "NN0"sv,
                                       "N(NN1"sv,
                                       "N(0"sv,
                                       "N20"sv,
                                       "N)R"sv,
                                       "))R"sv,
                                       "N)\x81"sv,
                                       "N))\x92"sv,
                                       "NNa"sv,
                                       "N(NNe"sv,
                                       "N(NNu"sv,
                                       "N)R(NNu"sv,
                                       "NNb"sv}) {
    PickleWriter writer;
    writer.raw("}").string("beside").raw(value).raw("s").string("kept").integer(7).raw("s.");
    const Result<Pickle> pickle = read(writer.bytes());
    INFO(value);
    REQUIRE(pickle);
    int kept = 0, all = 0;
    pickle->each_item(pickle->root(), [&](PickleRef key, PickleRef found) {
      kept += pickle->string(key) == "kept" && pickle->integer(found) == 7;
      return ++all, true;
    });
    CHECK(kept == 1);
    CHECK(all == 2);
  }
}

TEST_CASE("opcodes of other protocols are refused with their place") {
  CHECK(refusal(PickleWriter().raw("N\x97.")) == "data.pkl: unexpected opcode 0x97 at byte 3");
  for (const char* opcode : {"i", "o", "P", "I1\n", "S'a'\n", "\x97", "\x98", "!", "\xFF"}) {
    CHECK_THAT(refusal(PickleWriter().raw(opcode).raw(".")), ContainsSubstring("unexpected opcode"));
  }
}

TEST_CASE("other protocols and other files are refused") {
  for (const char* start : {"\x80\x01", "\x80\x06", "\x80\xFF"}) {
    const Result<Pickle> pickle = read(to_bytes(std::string(start) + "N."));
    REQUIRE_FALSE(pickle);
    CHECK(pickle.error().kind == ErrorKind::kUnsupported);
  }
  for (const char* start : {"N.", "(dp0\n.", "<html>", "{"}) CHECK_FALSE(read(to_bytes(start)));
  CHECK_FALSE(read({}));
}

TEST_CASE("opcodes that reach below the stack or the mark are refused") {
  for (const char* opcodes :
       {"t.",   "u.",    "e.",        "\x85.",   "N\x86.",   "NN\x87.", "R.",         "NR.",
        "s.",   "}Ns.",  "a.",        "]a.",     "b.",       "0.",      "1.",         "2.",
        "N1.",  "\x90.", "\x91.",     "N)\x92.", "\x82",     "\x83\1",  "\x84\1\1\1", "Q.",
        "q\1.", "\x94.", "\x93.",     "N\x93.",  ".",        "(.",      "NN.",        "(N.",
        "N(.",  "}(Nu.", "](K\1(ue.", "N((NR.",  "]((NNuu.", "N(a.",    "(e.",        "(NNu."}) {
    INFO(opcodes);
    CHECK_FALSE(refusal(PickleWriter().raw(opcodes)).empty());
  }
}

TEST_CASE("opcodes on the wrong kind of value are refused") {
  for (const char* opcodes : {"]NNs.", ")(NNu.", "K\1(NNu.", "NNR.", "NN\x93.", "N]\x81.", "NN)\x92."}) {
    INFO(opcodes);
    CHECK_FALSE(refusal(PickleWriter().raw(opcodes)).empty());
  }
  CHECK_THAT(refusal(PickleWriter().global("collections", "OrderedDict").raw("NR.")),
             ContainsSubstring("without a tuple"));
}

TEST_CASE("memo slots are filled in order and read when filled") {
  CHECK(refusal(PickleWriter().raw(std::string_view("Nq\0h\0\x86.", 7))).empty());
  CHECK(refusal(PickleWriter().raw(std::string_view("Nq\0q\0.", 6))).empty());
  CHECK_THAT(refusal(PickleWriter().raw("Nq\1.")), ContainsSubstring("memo slot out of order"));
  CHECK_THAT(refusal(PickleWriter().raw("Nr\xFF\xFF\xFF\xFF.")), ContainsSubstring("memo slot out of order"));
  CHECK_THAT(refusal(PickleWriter().raw("Nj\xFF\xFF\xFF\xFF.")), ContainsSubstring("empty memo slot"));
  CHECK_THAT(refusal(PickleWriter().raw(std::string_view("h\0.", 3))), ContainsSubstring("empty memo slot"));
}

TEST_CASE("a string longer than the pickle is refused") {
  for (std::string_view opcode :
       {std::string_view("X\xFF\xFF\xFF\xFF", 5), std::string_view("X\x03\0\0\0ab", 7),
        std::string_view("C\xFF", 2), std::string_view("B\xFF\xFF\xFF\xFF", 5),
        std::string_view("\x8e\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9),
        std::string_view("\x8b\xFF\xFF\xFF\xFF", 5), std::string_view("\x84\1", 2),
        std::string_view("\x8c\xFF", 2), std::string_view("\x8d\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9),
        std::string_view("\x8d\0\0\0\0\1\0\0\0", 9)}) {
    CHECK_THAT(refusal(PickleWriter().raw(opcode)), ContainsSubstring("cut off"));
  }
  CHECK_THAT(refusal(PickleWriter().raw(std::string_view("X\2\0\0\0\xC3(.", 8))),
             ContainsSubstring("invalid UTF-8"));
}

TEST_CASE("a pickle that doubles a tuple sixty times over is small") {
  PickleWriter doubling;
  doubling.raw("()\x94");
  for (char k = 0; k < 60; ++k) {
    const char get[] = {'h', k};
    doubling.raw(std::string_view(get, 2)).raw(std::string_view(get, 2)).raw("\x86\x94");
  }
  const Result<Pickle> pickle = read(doubling.raw("t.").bytes());
  REQUIRE(pickle);
  CHECK(pickle->tuple(pickle->root()).size() == 61);
}

TEST_CASE("a pickle nested a quarter of a million deep is read without recursion") {
  CHECK(refusal(PickleWriter().raw(")").repeat(250'000, "\x85").raw(".")).empty());
  CHECK(refusal(PickleWriter().repeat(250'000, "(").repeat(250'000, "t").raw(".")).empty());
  CHECK(refusal(PickleWriter().repeat(250'000, "}N").raw("N").repeat(250'000, "s").raw(".")).empty());
}

TEST_CASE("a dict that holds itself is read") {
  const Bytes bytes = PickleWriter().raw("}\x94").raw(std::string_view("Nh\0s", 4)).raw(".").bytes();
  const Result<Pickle> pickle = read(bytes);
  REQUIRE(pickle);
  pickle->each_item(pickle->root(), [&](PickleRef, PickleRef value) {
    CHECK(value == pickle->root());
    return true;
  });
}

TEST_CASE("more opcodes than any model has are refused") {
  for (const char* opcode : {"(", "N", ")", "]"}) {
    CHECK_THAT(refusal(PickleWriter().repeat(Pickle::kMaxOpcodes, opcode), ErrorKind::kUnsupported),
               ContainsSubstring("opcodes"));
  }
}

TEST_CASE("a pickle cut off anywhere is refused") {
  const Bytes whole = PickleWriter::dict({{.name = "w", .elements = 6, .shape = {2, 3}, .strides = {3, 1}}});
  for (size_t length = 0; length < whole.size(); ++length) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    CHECK_FALSE(Pickle::read(cut, kGlobals, "data.pkl"));
  }
}

}  // namespace
}  // namespace rwkv
