#include "base/file_copy_linux.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"
#include "base/thrown_error_test.h"

namespace litewright {
namespace {

TEST(CopyFileContent, GivesEveryByteOfAFileOfAnySize) {
  const TestFolder folder;
  for (const std::size_t size : {0u, 1u, 4096u, (1u << 20) - 1, 1u << 20, (2u << 20) + 7}) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; i++) content[i] = static_cast<char>(i * 31 + i / 251);
    std::ofstream(folder.path("from"), std::ios::binary) << content;
    const FileDescriptor to = open_file(folder.path("to"), O_RDWR | O_CREAT | O_TRUNC);
    copy_file_content(folder.path("from"), to.get(), folder.path("to"));
    EXPECT_EQ(read_whole_file(folder.path("to"), 100 << 20), content) << size;
  }
}

TEST(CopyFileContent, WhatIsNoRegularFileOrNotThereIsSaid) {
  const TestFolder folder;
  const FileDescriptor to = open_file(folder.path("to"), O_RDWR | O_CREAT);
  const auto copy = [&](const std::string& name) {
    copy_file_content(folder.path(name), to.get(), folder.path("to"));
  };
  EXPECT_EQ(code_of([&] { copy(""); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { copy("none"); }), ErrorCode::kNoDatabase);
}

}  // namespace
}  // namespace litewright
